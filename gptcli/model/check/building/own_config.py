"""The config class of their file or its package, and one made of it."""

import dataclasses
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from gptcli.model.check.building.errors import NotKnownError
from gptcli.model.check.building.project import Project
from gptcli.model.check.building.synonyms import UNKNOWN, Wanted, key_of, sizes_in, value_for

_NAMED_SO = re.compile(
    r"(config|configuration|cfg|args|arguments|hparams|hyperparameters|params|settings|options)$", re.I
)
_FILES = ("config*.py", "*config.py", "args*.py", "*args.py", "hparams*.py", "settings*.py")
_FEWEST_SIZES = 3  # that a class must have to be taken for the network's
_EMPTY = inspect.Parameter.empty


def config_classes(made_of: Callable[..., Any], parameter: str, module: ModuleType, project: Project) -> list[type]:
    """Return the classes that settings may be, the likeliest first.

    Args:
        made_of: what takes them.
        parameter: its parameter for them.
        module: where it is from.
        project: whose files may have them too.
    """
    said = [_annotated(made_of, parameter, module), getattr(made_of, "config_class", None)]
    found = [each for each in said if inspect.isclass(each) and not _is_plain(each)]
    if found:
        return found
    near = _likely(module)
    return near or [each for other in _neighbours(module, project) for each in _likely(other)]


def _likely(module: ModuleType) -> list[type]:
    classes = {value for value in vars(module).values() if inspect.isclass(value) and not issubclass(value, nn.Module)}
    fitting = [
        each
        for each in classes
        if (_NAMED_SO.search(each.__name__) or dataclasses.is_dataclass(each))
        and len(sizes_in(fields_of(each))) >= _FEWEST_SIZES
    ]
    return sorted(fitting, key=lambda each: (-len(sizes_in(fields_of(each))), each.__name__))


def _annotated(made_of: Callable[..., Any], parameter: str, module: ModuleType) -> object:
    function = made_of.__init__ if inspect.isclass(made_of) else made_of
    with suppress(Exception):  # names that are known to type checkers alone
        return typing.get_type_hints(function, globalns=vars(module)).get(parameter)
    written = getattr(function, "__annotations__", {}).get(parameter)
    return vars(module).get(written) if isinstance(written, str) else written


def _is_plain(kind: type) -> bool:
    return kind.__module__ in ("builtins", "typing", "collections", "collections.abc", "argparse", "types")


def _neighbours(module: ModuleType, project: Project) -> Iterator[ModuleType]:
    """Yield modules of theirs that are imported, then files beside it that are called as configs are."""
    for other in list(sys.modules.values()):
        file = getattr(other, "__file__", None)
        if other is not module and isinstance(file, str) and project.has(file):
            yield other
    folder = Path(module.__file__ or ".").parent
    package = module.__name__.rpartition(".")[0]
    for path in sorted({path for pattern in _FILES for path in folder.glob(pattern)}):
        with suppress(Exception):
            yield importlib.import_module(f"{package}.{path.stem}" if package else path.stem)


def fields_of(kind: type) -> list[str]:
    """Return the names of what a config class takes, or has."""
    names = [name for name, each in _parameters(kind).items() if each.kind is not each.VAR_KEYWORD]
    for base in kind.__mro__:
        names += [name for name in inspect.get_annotations(base) if not name.startswith("_")]
        names += [name for name, value in vars(base).items() if not name.startswith("_") and not callable(value)]
    return list(dict.fromkeys(names))


def made(kind: type, wanted: Wanted, asked_for: frozenset[str]) -> object:
    """Make a config: what is said by every spelling, what it needs by its meaning, and its own defaults.

    Args:
        kind: the class.
        wanted: the values.
        asked_for: the names that their code reads off it.

    Raises:
        NotKnownError: it needs something that no config of ours says.
    """
    parameters = _parameters(kind)
    fields = fields_of(kind)
    given = arguments_for(parameters, wanted, fields)
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        given |= _more(asked_for - set(fields), wanted, fields)
    config = kind(**given)
    for name in set(fields) - given.keys():
        if key_of(name, fields) in wanted.said:
            with suppress(AttributeError, TypeError, ValueError):  # frozen, or a property
                setattr(config, name, value_for(name, wanted.config, fields))
    return config


def arguments_for(parameters: Mapping[str, inspect.Parameter], wanted: Wanted, names: list[str]) -> dict[str, object]:
    """Return keyword arguments: what is said, and what has no default.

    Raises:
        NotKnownError: one without a default is none that is known here.
    """
    found: dict[str, object] = {}
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        needed = parameter.default is _EMPTY
        if not needed and key_of(name, names) not in wanted.said:
            continue
        value = value_for(name, wanted.config, names)
        if value is UNKNOWN and needed:
            value = _nothing(parameter)
        if value is UNKNOWN:
            raise NotKnownError(f"takes '{name}', which is none of the sizes that are known here")
        found[name] = value
    return found


def _more(names: frozenset[str], wanted: Wanted, fields: list[str]) -> dict[str, object]:
    """Return what their code reads off a config that takes any keyword."""
    together = [*fields, *names]
    values = {name: value_for(name, wanted.config, together) for name in sorted(names)}
    return {name: value for name, value in values.items() if value is not UNKNOWN}


def _nothing(parameter: inspect.Parameter) -> object:
    """Return what leaves a switch off, or `UNKNOWN`."""
    written = str(parameter.annotation)
    if parameter.annotation is bool or written == "bool":
        return False
    return None if "None" in written or "Optional" in written else UNKNOWN


def _parameters(kind: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(kind).parameters
    except (ValueError, TypeError):
        return {}
