"""YAML text to entries with line numbers."""

import re

from gptcli.config.entries import Entry, Problem
from gptcli.config.input_text import decode, looks_like_json
from gptcli.config.scalars import resolve_scalar

# What means the same to every reader of YAML: a key at the start of a line, a plain scalar, a comment, or nothing.
_KEY, _SCALAR, _COMMENT = r"[A-Za-z_]\w{0,99}", r"[-+.]?[A-Za-z0-9][\w.+-]*", r"(?<![^ ])#[ -~]*"
_PLAIN_LINE = re.compile(rf"(?:({_KEY}): +({_SCALAR}))? *(?:{_COMMENT})?", re.ASCII)


def read_yaml_mapping(data: bytes, place: str) -> tuple[dict[str, Entry], list[Problem]]:
    """Read one YAML mapping; a JSON object is one, and what YAML does not take of JSON is read as JSON.

    Args:
        data: the file's bytes, UTF-8.
        place: the file's name in messages.

    Returns:
        The entries by key, and the problems that leave the rest readable (duplicate keys, keys that are no text).

    Raises:
        InputProblemsError: the bytes are no YAML mapping, or use what is refused here.
    """
    text = decode(data, place)
    if looks_like_json(text):
        from gptcli.config.json_reader import read_json_object

        if (found := read_json_object(text, place)) is not None:
            return found
    if entries := _plain_entries(text, place):
        return entries, []
    from gptcli.config.yaml_events import read_events

    return read_events(text, place)


def _plain_entries(text: str, place: str) -> dict[str, Entry] | None:
    """Read a mapping of nothing but plain lines, as configs are; None for any other text.

    PyYAML reads these to the same entries, but its import takes a twelfth of a short command's time.
    """
    entries: dict[str, Entry] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        matched = _PLAIN_LINE.fullmatch(line)
        if matched is None:
            return None
        key, scalar = matched.groups()
        if key is None:
            continue
        if key in entries or not isinstance(resolve_scalar(key), str):
            return None
        entries[key] = Entry(resolve_scalar(scalar), scalar, f"{place}:{number}", number)
    return entries
