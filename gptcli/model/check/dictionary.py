"""The dictionary that somebody's class is called with, and the config that theirs says."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from gptcli.config import KEYS, ModelConfig, config_from_mapping
from gptcli.config.dialects import LECTURE, settings_in
from gptcli.errors import InputError

LECTURE_KEYS = ("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers", "drop_rate", "qkv_bias")
_HOLDERS = ("cfg", "config")  # what people call what they keep it as
_FAMILY, _GPT2 = "model_type", "gpt2"  # in transformers' configs
_SIZES = {"vocab_size", "emb_dim", "n_heads", "n_layers"}
# What GPT-2's relatives of the lecture and of nanoGPT differ in; every other key is a later decoder's.
_OF_GPT2 = {*LECTURE_KEYS, "name", "bias", "activation", "weight_tying", "norm", "norm_eps", "init", "family"}
_LATER = [key for key in KEYS if key not in _OF_GPT2]
_PLAIN = ModelConfig(vocab_size=1, context_length=1, emb_dim=1, n_heads=1, n_layers=1)


def is_later(config: ModelConfig) -> bool:
    """Return whether a config has a key with which a network is no GPT-2."""
    return any(getattr(config, key) != getattr(_PLAIN, key) for key in _LATER)


def dictionary_for(config: ModelConfig, dtype: torch.dtype, theirs: Mapping[str, object]) -> dict[str, object]:
    """Return what a class is called with.

    Args:
        config: of the model.
        dtype: of its parameters, which the author's later classes ask the dictionary for.
        theirs: their own dictionary, for keys that we do not know.
    """
    if not is_later(config):
        return {key: getattr(config, key) for key in LECTURE_KEYS}
    return {**theirs, **settings_in(LECTURE, config), "dtype": dtype}


def said_by(model: nn.Module, place: str) -> ModelConfig | None:
    """Return the config of a later decoder that a model keeps, as a dictionary or as transformers does; else None.

    Raises:
        InputError: transformers' config of it cannot be represented.
    """
    for name in _HOLDERS:
        held: Any = getattr(model, name, None)
        settings = held if isinstance(held, Mapping) else _as_mapping(held)
        config = None if settings is None else _later_in(settings, f"{place}, .{name}")
        if config is not None:
            return config
    return None


def _as_mapping(held: Any) -> Mapping[str, object] | None:
    """Read a config object as transformers has them."""
    convert = getattr(held, "to_dict", None)
    found = convert() if callable(convert) and not isinstance(held, type) else None
    return found if isinstance(found, Mapping) else None


def dictionaries_in(
    values: Mapping[str, object], place: str
) -> Iterator[tuple[str, Mapping[str, object], ModelConfig]]:
    """Yield the dictionaries of later decoders that a file has, with their names and the configs that they say."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value.keys() >= _SIZES:
            config = _later_in(value, f"{place}, {name}")
            if config is not None:
                yield name, value, config


def _later_in(settings: Mapping[str, object], place: str) -> ModelConfig | None:
    try:
        config = config_from_mapping(settings, place, name="")
    except InputError:
        if settings.get(_FAMILY, _GPT2) != _GPT2:
            raise
        return None  # somebody else's keys: they say nothing
    return config if is_later(config) else None
