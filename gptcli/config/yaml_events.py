"""YAML text to entries with line numbers, from PyYAML's event stream.

The stream is read before anything is composed, because composing is where hostile files hurt: aliases multiply
("billion laughs"), deep nesting overflows the C loader's stack, tags construct objects.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from gptcli.config.entries import Entry, Problem
from gptcli.config.input_text import MAX_DEPTH, fatal, looks_like_json
from gptcli.config.printable import shortened
from gptcli.config.scalars import resolve_scalar

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_events(text: str, place: str) -> tuple[dict[str, Entry], list[Problem]]:
    """Read one YAML mapping; as `gptcli.config.yaml_reader.read_yaml_mapping`."""
    try:
        return _read_document(_refuse_dangerous(yaml.parse(text, Loader=_LOADER), place), place)
    except yaml.YAMLError as error:
        raise fatal(place, *_explain(error, text)) from None


def _refuse_dangerous(events: Iterator[Any], place: str) -> Iterator[Any]:
    """Pass events on, refusing aliases, tags and deep nesting; the parser itself is lazy and keeps no tree."""
    depth = 0
    for event in events:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            raise fatal(place, line, f"alias '*{event.anchor}' is not allowed; write the value out")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise fatal(place, line, f"anchor '&{event.anchor}' is not allowed; remove it")
        if getattr(event, "tag", None) is not None:
            raise fatal(place, line, f"tag '{event.tag}' is not allowed; remove it")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise fatal(place, line, f"is nested more than {MAX_DEPTH} deep; a config is a flat list of keys")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        yield event


def _read_document(events: Iterator[Any], place: str) -> tuple[dict[str, Entry], list[Problem]]:
    found: tuple[dict[str, Entry], list[Problem]] | None = None
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent) and found is not None:
            raise fatal(place, _line(event), "holds a second document; a config is one")
        if not isinstance(event, yaml.NodeEvent):
            continue
        if not isinstance(event, yaml.MappingStartEvent):
            raise fatal(place, _line(event), "is not a mapping; write one 'key: value' a line")
        found = _read_mapping(events, place)
    if found is None:
        raise fatal(place, 0, "holds no keys; 'gptcli config show tiny' prints a config to start from")
    return found


def _read_mapping(events: Iterator[Any], place: str) -> tuple[dict[str, Entry], list[Problem]]:
    """Read the pairs of the outermost mapping; ``events`` stands just after its start."""
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        line = _line(event)
        key, value_event = _value(event, events), next(events)
        value = _value(value_event, events)
        here = f"{place}:{line}"
        if not isinstance(key, str):
            problems.append(Problem(here, f"key {shortened(_written(event, key))} is not text", line))
        elif key in entries:
            twice = f"key '{shortened(key)}' is given twice (first on line {entries[key].line})"
            problems.append(Problem(here, twice, line))
        else:
            entries[key] = Entry(value, _written(value_event, value), here, line)
    return entries, problems


def _value(event: Any, events: Iterator[Any]) -> object:
    """Build the value that ``event`` starts; recursion is bounded by `MAX_DEPTH`."""
    if isinstance(event, yaml.ScalarEvent):
        return resolve_scalar(event.value) if event.implicit[0] else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_value(event, events))
        return items
    pairs: dict[str, object] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = str(_value(event, events))
        pairs[key] = _value(next(events), events)
    return pairs


def _written(event: Any, value: object) -> str:
    if isinstance(event, yaml.ScalarEvent):
        return event.value if event.implicit[0] else repr(event.value)
    return "a list" if isinstance(value, list) else "a mapping"


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _explain(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    language = "YAML or JSON" if looks_like_json(text) else "YAML"
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        problem = getattr(error, "problem", None) or getattr(error, "context", None) or "syntax error"
        line = text[mark.index : mark.index + 1]
        hint = "; a tab cannot indent YAML, use spaces" if line == "\t" else ""
        return mark.line + 1, f"is not valid {language}: {problem} at column {mark.column + 1}{hint}"
    position = getattr(error, "position", 0)
    return text.count(
        "\n", 0, position
    ) + 1, f"is not valid {language}: {getattr(error, 'reason', None) or 'bad character'}"
