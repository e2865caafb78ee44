"""What lies beside the weights in a pickle, as data: objects that stand for others, whose code is never looked for.

Most objects are pickled as an empty one of their class and its state. So what a pickle only makes so, or only names,
is harmless when a stand-in is made instead; and so are calls of a few makers of values, whose arguments are let go.
Everything else that a pickle calls keeps it from being opened.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

# Makers of values: numbers and arrays of NumPy, paths, dates, options of a program, containers.
_HARMLESS = {
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    *(f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")),
    "numpy.dtype", "numpy.ndarray", "argparse.Namespace", "types.SimpleNamespace", "uuid.UUID",
    "collections.defaultdict", "collections.deque", "datetime.datetime", "datetime.date", "datetime.time",
    "datetime.timedelta", "datetime.timezone", "decimal.Decimal", "fractions.Fraction", "builtins.frozenset",
    "builtins.slice", "builtins.range", "builtins.list", "builtins.dict", "builtins.tuple", "torch.Generator",
    "torch.torch_version.TorchVersion", "torch.distributed.fsdp.api.StateDictType",
}  # fmt: skip
_HARMLESS_IN = ("numpy.dtypes.", "numpy.random.", "pathlib.")
_CONTAINERS = {"collections.defaultdict": "items", "builtins.dict": "items", "collections.deque": "appended"}


class Uses(Struct):
    """What a pickle does with a function or class that it names.

    Attributes:
        called: it is called with arguments.
        items: what it makes is given items by key.
        appended: what it makes is given items one after the other.
    """

    called: bool = False
    items: bool = False
    appended: bool = False


class Kept:
    """Stands for an object; its attributes are those of the pickle."""

    kept_as = ""

    def __new__(cls, *_: object, **__: object) -> "Kept":  # noqa: D102
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        states = state if isinstance(state, tuple) else (state,)
        for each in states:
            if isinstance(each, dict):
                self.__dict__.update({str(key): value for key, value in each.items()})


class _KeptMapping:
    def __new__(cls, *_: object, **__: object) -> Any:
        return OrderedDict()


class _KeptList:
    def __new__(cls, *_: object, **__: object) -> Any:
        return []


def stand_ins(uses: Mapping[str, Uses]) -> dict[str, type]:
    """Return by name what may stand for the functions and classes of a pickle; not for those that it must not call."""
    return {name: _stand_in(name, use) for name, use in uses.items() if not use.called or _harmless(name)}


def _harmless(name: str) -> bool:
    return name in _HARMLESS or name.startswith(_HARMLESS_IN)


def _stand_in(name: str, use: Uses) -> type:
    if use.items or _CONTAINERS.get(name) == "items":
        return _KeptMapping
    if use.appended or _CONTAINERS.get(name) == "appended":
        return _KeptList
    return type(name.rpartition(".")[2], (Kept,), {"kept_as": name})


def settings_of(value: object) -> Mapping[str, object] | None:
    """Return the attributes of an object, or the items of a mapping, by name; None of anything else."""
    if isinstance(value, Kept):
        return vars(value)
    return value if isinstance(value, Mapping) else None
