"""The config classes of transformers 5.23, as `tools.huggingface_classes` wrote them down."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

_FILE = Path(__file__).parent / "classes.json"


class ConfigClass(Struct, frozen=True):
    """A config class.

    Attributes:
        name: ``LlamaConfig``.
        keys: with what an absent one is.
        nullable: which of them may be null.
        aliases: other names of keys, with the key.
        even: whether it refuses a width that its heads do not divide.
    """

    name: str
    keys: dict[str, Any]
    nullable: frozenset[str]
    aliases: dict[str, str]
    even: bool


class _Classes(Struct, frozen=True):
    transformers: str
    classes: dict[str, msgspec.Raw]


def class_of(family: str) -> ConfigClass:
    """Return the class of a family; raises KeyError where there is none."""
    return msgspec.json.decode(_classes().classes[family], type=ConfigClass)


@cache
def _classes() -> _Classes:
    return msgspec.json.decode(_FILE.read_bytes(), type=_Classes)
