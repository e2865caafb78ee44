"""The ways in which somebody's class may be called, the likeliest first: with settings, with keywords, with nothing."""

import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import torch
from msgspec import Struct

from gptcli.config import ModelConfig
from gptcli.model.check.building.own_config import arguments_for, config_classes, made
from gptcli.model.check.building.project import Project
from gptcli.model.check.building.settings import Settings
from gptcli.model.check.building.synonyms import SIZES, Wanted, key_of, laid_over, sizes_in
from gptcli.model.check.building.usage import Usage, usage_of
from gptcli.model.check.dictionary import LECTURE_KEYS, dictionary_for

_SETTINGS = frozenset(
    (
        *("cfg", "config", "conf", "configuration", "args", "arg", "hparams", "hp", "params", "hyperparameters", "opt"),
        *(
            "options",
            "settings",
            "model_config",
            "model_args",
            "gpt_config",
            "c",
            "model_cfg",
            "modelargs",
            "modelconfig",
        ),
    )
)
# Where nobody names a config: a small network shows the same code. The width has many divisors.
_SMALL: dict[str, int] = {"vocab_size": 97, "context_length": 32, "emb_dim": 48, "n_heads": 4, "n_layers": 2}
_HEAD_WIDTH = 12
_MOST_NAMES = 8


class Recipe(Struct, frozen=True):
    """One way to call it.

    Attributes:
        doing: ``GPT was called without arguments``.
        call: makes the model, or raises what their code raises; takes the values and a dtype.
        of_lecture: whether that is with the lecture's dictionary, for which there must be a config.
    """

    doing: str
    call: Callable[[Wanted, torch.dtype], object]
    of_lecture: bool = False


def sizes_set(set_values: tuple[str, ...]) -> dict[str, int]:
    """Return the sizes that ``--set`` says; what else it says, and what no size can be, is refused elsewhere."""
    pairs = (value.partition("=")[::2] for value in set_values)
    found = {key.strip(): int(text) for key, text in pairs if text.strip().isdecimal()}
    return {key: value for key, value in found.items() if key in SIZES and value > 0}


def wanted_of(config: ModelConfig | None, said: Mapping[str, int]) -> Wanted:
    """Return the values to build with.

    Args:
        config: what was named, all of which is said; None for a small network.
        said: sizes that were said without a config.
    """
    if config is not None:
        return Wanted(config, frozenset(type(config).__struct_fields__))
    values = {**_SMALL, **said}
    if values["emb_dim"] % values["n_heads"]:
        values |= {"n_heads": 1} if "emb_dim" in said else {"emb_dim": _HEAD_WIDTH * values["n_heads"]}
    config = ModelConfig(**values)  # type: ignore[arg-type]  # the five sizes
    return Wanted(config, frozenset(said))


def recipes_for(
    made_of: Callable[..., Any], module: ModuleType, project: Project, theirs: Callable[[], Mapping[str, object]]
) -> list[Recipe]:
    """Return the ways to call a class or a function.

    Args:
        made_of: the class or function.
        module: the file that it was found in.
        project: its other files.
        theirs: gives the dictionary of their file for a later decoder, if it has one.
    """
    name = getattr(made_of, "__name__", "it")
    parameters = _parameters(made_of)
    plain = Recipe(f"{name} was called without arguments", lambda _wanted, _dtype: made_of())
    if parameters is None:
        return [_lecture(made_of, name, "", {}, module, theirs), plain]
    needed = [each for each in parameters.values() if each.default is each.empty and each.kind not in _STARRED]
    settings = _settings(made_of, parameters, needed)
    if settings is not None:
        others = {each: value for each, value in parameters.items() if each != settings}
        found = _with_settings(made_of, name, settings, others, module, project, theirs)
        return found if parameters[settings].default is inspect.Parameter.empty else [plain, *found]
    if needed and not inspect.isclass(made_of) and not sizes_in(parameters):
        return [plain]  # a function whose arguments nobody can guess: Python says which
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()) and not sizes_in(parameters):
        return [plain, *_starred(made_of, name, parameters, module)]
    if needed or sizes_in(parameters):
        listed = list(parameters)
        return [
            Recipe(
                f"{name} was called with keywords",
                lambda wanted, _dtype: made_of(**arguments_for(parameters, wanted, listed)),
            ),
        ]
    return [plain]


_STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _parameters(made_of: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    try:
        return dict(inspect.signature(made_of).parameters)
    except (ValueError, TypeError):
        return None


def _settings(
    made_of: Callable[..., Any], parameters: Mapping[str, inspect.Parameter], needed: list[inspect.Parameter]
) -> str | None:
    """Return the parameter that takes settings: called so, or the only one that a class needs and no size."""
    names = [each.name for each in parameters.values() if each.kind not in _STARRED]
    called_so = next((name for name in names[:2] if name.lower() in _SETTINGS), None)
    if called_so == "c" and len(needed) > 1:
        called_so = None  # the width
    if called_so is not None or not inspect.isclass(made_of):
        return called_so
    alone = len(needed) == 1 and key_of(needed[0].name, names) is None
    return needed[0].name if alone else None


def _with_settings(
    made_of: Callable[..., Any],
    name: str,
    parameter: str,
    others: Mapping[str, inspect.Parameter],
    module: ModuleType,
    project: Project,
    theirs: Callable[[], Mapping[str, object]],
) -> list[Recipe]:
    """Return the ways with one object of settings, by how their code reads it."""
    usage = usage_of(parameter, inspect.getmodule(made_of) or module)
    lecture = _lecture(made_of, name, parameter, others, module, theirs)
    settings = _any_settings(made_of, name, parameter, others, module, usage)
    own = [
        _own_config(made_of, name, parameter, others, kind, usage)
        for kind in config_classes(made_of, parameter, module, project)
    ]
    if len(usage.attributes) > len(usage.keys) or (own and not usage.keys):
        return [*own, settings]
    if not usage.keys or _is_lectures(usage):
        return [lecture, *own, settings]
    return [settings, *own]


def _is_lectures(usage: Usage) -> bool:
    """Return whether the sizes are read by the lecture's names."""
    sizes = {key for key in usage.keys if key_of(key, usage.keys) in SIZES}
    return not sizes - set(LECTURE_KEYS)


def _lecture(
    made_of: Callable[..., Any],
    name: str,
    parameter: str,
    others: Mapping[str, inspect.Parameter],
    module: ModuleType,
    theirs: Callable[[], Mapping[str, object]],
) -> Recipe:
    usage = usage_of(parameter, inspect.getmodule(made_of) or module)

    def call(wanted: Wanted, dtype: torch.dtype) -> object:
        entries = {**_own_dictionary(module, wanted), **dictionary_for(wanted.config, dtype, theirs())}
        return made_of(Settings(entries, wanted, usage.names), **arguments_for(others, wanted, list(others)))

    return Recipe(f"{name} was called with the lecture's dictionary", call, of_lecture=True)


def _any_settings(
    made_of: Callable[..., Any],
    name: str,
    parameter: str,
    others: Mapping[str, inspect.Parameter],
    module: ModuleType,
    usage: Usage,
) -> Recipe:
    def call(wanted: Wanted, _dtype: torch.dtype) -> object:
        settings = Settings(_own_dictionary(module, wanted), wanted, usage.names)
        return made_of(settings, **arguments_for(others, wanted, list(others)))

    listed = ", ".join(sorted(usage.names)[:_MOST_NAMES])
    return Recipe(f"{name} was called with settings{f' that have {listed}' if listed else ''} as {parameter}", call)


def _own_config(
    made_of: Callable[..., Any],
    name: str,
    parameter: str,
    others: Mapping[str, inspect.Parameter],
    kind: type,
    usage: Usage,
) -> Recipe:
    def call(wanted: Wanted, _dtype: torch.dtype) -> object:
        config = made(kind, wanted, usage.names)
        return made_of(**{parameter: config}, **arguments_for(others, wanted, list(others)))

    return Recipe(f"{name} was called with a {kind.__name__}", call)


def _starred(
    made_of: Callable[..., Any], name: str, parameters: Mapping[str, inspect.Parameter], module: ModuleType
) -> list[Recipe]:
    """Return the way with the keywords that are read off ``**config``."""
    starred = next(each.name for each in parameters.values() if each.kind is each.VAR_KEYWORD)
    names = usage_of(starred, inspect.getmodule(made_of) or module).names
    if not sizes_in(names):
        return []
    asked = {each: inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY) for each in names if key_of(each, names)}
    return [
        Recipe(
            f"{name} was called with keywords",
            lambda wanted, _dtype: made_of(**arguments_for(asked, wanted, list(names))),
        )
    ]


def _own_dictionary(module: ModuleType, wanted: Wanted) -> dict[str, object]:
    """Return the dictionary of their file that has the sizes, with what is said laid over it; else an empty one."""
    found = [
        value
        for value in list(vars(module).values())
        if isinstance(value, dict) and all(isinstance(key, str) for key in value) and sizes_in(value) >= SIZES
    ]
    return laid_over(found[0], wanted) if found else {}
