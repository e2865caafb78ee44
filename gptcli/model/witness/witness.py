"""What a witness is, and which of them can stand beside a model; without torch."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import fields

from gptcli.config import KEYS, ModelConfig
from gptcli.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

WitnessName = Literal["plain", "transformers"]


class Witness(Struct, frozen=True, kw_only=True):
    """A kind of network that can stand beside ours.

    Attributes:
        name: what the option ``--witness`` calls it.
        source: what it is and where it stands.
        build: makes it of a config, on a device and in a dtype; it takes ids (B, T) and gives logits (B, T, V).
        layout: whose names and shapes its tensors have, by the name of a checkpoint's layout.
        state: its tensors by these names, a tied head left out.
    """

    name: WitnessName
    source: str
    layout: str
    build: "Callable[[ModelConfig, str, torch.dtype], nn.Module]"
    state: "Callable[[nn.Module], Mapping[str, Tensor]]"


# What the witnesses can be, beside the keys up to ``init``: GPT-2 with either norm and either GELU.
_OPEN = {"family", "attention_drop_rate", "embedding_drop_rate"}
_DEFAULTS = {field.name: field.default for field in fields(ModelConfig)}
_LATER = KEYS[KEYS.index("init") + 1 :]


def has_witness(config: ModelConfig) -> bool:
    """Return whether a witness can be of a config: it has GPT-2's parts alone."""
    as_gpt2 = all(getattr(config, key) == _DEFAULTS[key] for key in _LATER if key not in _OPEN)
    return as_gpt2 and config.activation in ("gelu", "gelu_tanh")


def check_witness(name: WitnessName, config: ModelConfig) -> None:
    """Refuse a witness that cannot be compared with a model; torch is not needed for that.

    Raises:
        InputError: transformers is not installed, or its GPT-2 cannot be of this config.
    """
    if name != "transformers":
        return
    if not has_witness(config):
        raise InputError(
            f"--witness transformers: its witness is GPT-2, and {config.name} has other parts; leave --witness out"
        )
    if find_spec("transformers") is None:
        raise InputError(
            "--witness transformers: transformers is not installed; install it with 'pip install transformers', or "
            "use --witness plain"
        )
    if config.norm != "layer_norm":
        raise InputError(
            f"--witness transformers: its GPT-2 has layer norms, {config.name} has norm={config.norm}; "
            "use --witness plain"
        )
    missing = [key for key in ("qkv_bias", "bias") if not getattr(config, key)]
    if missing:
        raise InputError(
            f"--witness transformers: its GPT-2 has biases everywhere, {config.name} has {missing[0]}=false; "
            "use --witness plain"
        )
