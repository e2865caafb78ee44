"""JSON text to entries with line numbers.

JSON is YAML but for some escapes, long keys and characters that PyYAML refuses, so what Python's decoder takes is read
by it, one pair at a time to keep the lines.
"""

import json
import re
from collections.abc import Iterator

from gptcli.config.entries import Entry, Problem
from gptcli.config.input_text import MAX_DEPTH
from gptcli.config.printable import shortened
from gptcli.config.scalars import resolve_scalar

_BLANK = re.compile(r"[ \t\r\n]*")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
# A number of thousands of digits stays text, as in YAML: Python refuses to convert it.
_DECODER = json.JSONDecoder(parse_int=resolve_scalar)


def read_json_object(text: str, place: str) -> tuple[dict[str, Entry], list[Problem]] | None:
    """Read one JSON object with its duplicate keys; None where it is none, or nested deeper than a decoder can bear."""
    if _is_deep(text):
        return None
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    try:
        for key, value, written, line in _pairs(text):
            here = f"{place}:{line}"
            if key in entries:
                twice = f"key '{shortened(key)}' is given twice (first on line {entries[key].line})"
                problems.append(Problem(here, twice, line))
            else:
                entries[key] = Entry(value, _as_reported(value, written), here, line)
    except ValueError:
        return None
    return entries, problems


def _pairs(text: str) -> Iterator[tuple[str, object, str, int]]:
    """Yield key, value, the value as written and the key's line; raise ValueError where the text is no JSON object."""
    at, line, counted = _after(text, 0, "{"), 1, 0
    closed = text[at : at + 1] == "}"
    while not closed:
        key, end = _DECODER.raw_decode(text, at)
        if not isinstance(key, str):
            raise ValueError
        line, counted = line + text.count("\n", counted, at), at
        start = _after(text, end, ":")
        value, end = _DECODER.raw_decode(text, start)
        yield key, value, text[start:end], line
        after = _skip(text, end)
        closed = text[after : after + 1] == "}"
        at = after if closed else _after(text, end, ",")
    if _skip(text, at + 1) != len(text):
        raise ValueError


def _after(text: str, at: int, mark: str) -> int:
    """Return where the next thing after a mark begins."""
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise ValueError
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _is_deep(text: str) -> bool:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
        if depth > MAX_DEPTH:
            return True
    return False


def _as_reported(value: object, written: str) -> str:
    """Return the value as `gptcli.config.yaml_reader` would report it."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    return repr(value) if written.startswith('"') else written
