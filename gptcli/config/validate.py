"""Entries to a `ModelConfig`: every problem found, none hidden behind the first."""

from collections.abc import Mapping
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from gptcli.config.entries import Entry, Problem
from gptcli.config.model_config import KEYS, ModelConfig
from gptcli.config.printable import shortened
from gptcli.config.scalars import suggest_spelling
from gptcli.errors import did_you_mean

_TYPES: dict[str, Any] = get_type_hints(ModelConfig, include_extras=True)
REQUIRED = tuple(f.name for f in msgspec.structs.fields(ModelConfig) if f.required)


def check_entry(key: str, entry: Entry) -> tuple[object, Problem | None]:
    """Convert one value to the type of its key; return it, or None and the problem."""
    if key not in _TYPES:
        known = did_you_mean(key.lower(), KEYS) or f"; keys are {', '.join(KEYS)}"
        return None, Problem(entry.place, f"unknown key '{shortened(key)}'{known}", entry.line)
    try:
        return _converted(key, entry), None
    except msgspec.ValidationError:
        wanted = f"{entry.key or key} must be {_describe(_TYPES[key])}, got {shortened(entry.text) or 'nothing'}"
        return None, Problem(entry.place, wanted + _suggestion(key, entry), entry.line)


def _converted(key: str, entry: Entry) -> object:
    """Return the value in the type of its key; what looks like a number or a boolean is a text where text belongs."""
    expected, value = _expects(key), entry.value
    if expected is str and isinstance(value, bool | int | float):
        value = entry.text
    if isinstance(value, float) and (not isfinite(value) or expected is int):
        raise msgspec.ValidationError
    if isinstance(value, str) and not value.isprintable():
        raise msgspec.ValidationError
    return msgspec.convert(value, _TYPES[key])


def check_missing(entries: Mapping[str, Entry], place: str, names: Mapping[str, str]) -> list[Problem]:
    """Name the required keys that nobody gave as the file's dialect does, with meaning and a value to start from."""
    missing = [(names.get(key, key), key) for key in REQUIRED if key not in entries]
    return [
        Problem(place, f"missing key '{name}' ({_meta(_TYPES[key], 'description')}); e.g. '{name}: {_EXAMPLES[key]}'")
        for name, key in missing
    ]


# Shown in 'missing key' messages; GPT-2 124M's.
_EXAMPLES = {"vocab_size": 50257, "context_length": 1024, "emb_dim": 768, "n_heads": 12, "n_layers": 12}


def _suggestion(key: str, entry: Entry) -> str:
    expected = _expects(key)
    if expected is bool and entry.value in (0, 1):
        return f" (write {str(bool(entry.value)).lower()})"
    if expected is int and isinstance(entry.value, float) and isfinite(entry.value) and entry.value.is_integer():
        return f" (write {int(entry.value)})"
    if not isinstance(entry.value, str):
        return ""
    if not entry.value.isprintable():
        return f" (contains {_unprintable(entry.value)})"
    if expected in (int, float, bool):
        spelling = suggest_spelling(entry.value, expected)
        return f" (write {spelling})" if spelling else ""
    return did_you_mean(entry.value.lower(), _literals(key))


def _unprintable(text: str) -> str:
    return next(f"U+{ord(character):04X}" for character in text if not character.isprintable())


def _expects(key: str) -> Any:
    return _plain_type(_TYPES[key])


def _plain_type(annotated: Any) -> Any:
    """Return the type under an annotation, without the None of what may be left open."""
    while hasattr(annotated, "__metadata__"):
        annotated = annotated.__origin__
    if get_origin(annotated) in (Union, UnionType):
        return _plain_type(next(each for each in get_args(annotated) if each is not NoneType))
    return annotated


def _optional(annotated: Any) -> bool:
    while hasattr(annotated, "__metadata__"):
        annotated = annotated.__origin__
    return NoneType in get_args(annotated)


def _literals(key: str) -> tuple[str, ...]:
    return get_args(_expects(key)) if get_origin(_expects(key)) is not None else ()


def _meta(annotated: Any, name: str) -> Any:
    """Return a constraint or the description, from the annotation or from those inside it."""
    for meta in reversed(getattr(annotated, "__metadata__", ())):
        if getattr(meta, name) is not None:
            return getattr(meta, name)
    inner = [annotated.__origin__] if hasattr(annotated, "__metadata__") else get_args(annotated)
    found = (_meta(each, name) for each in inner if hasattr(each, "__metadata__") or get_origin(each) is not None)
    return next((each for each in found if each is not None), None)


def _describe(annotated: Any) -> str:
    """Say in words what a field accepts, from its annotation alone."""
    return _described(annotated) + (", or null" if _optional(annotated) else "")


def _described(annotated: Any) -> str:
    low, above, high, below = (_meta(annotated, name) for name in ("ge", "gt", "le", "lt"))
    base = _plain_type(annotated)
    if base is int:
        return f"a whole number from {low:,} to {high:,}"
    if base is float:
        lower = f"from {low}" if low is not None else f"above {above}"
        upper = f"to {high:g}" if high is not None else f"to below {below}"
        return f"a number {lower} {upper}"
    if base is bool:
        return "true or false"
    if base is str:
        return f"printable text of {_meta(annotated, 'min_length') or 0} to {_meta(annotated, 'max_length')} characters"
    return " or ".join(get_args(base))
