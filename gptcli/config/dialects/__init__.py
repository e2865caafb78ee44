"""Configs in other people's keys: each file here is one dialect, found by its name and imported only where needed."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

import msgspec
from msgspec.structs import replace

from gptcli.config.dialects._dialect import Dialect, DialectKey, Entries
from gptcli.config.dialects._recognise import listed, recognise, unknown_keys
from gptcli.config.entries import OUR_DIALECT, Entry, Problem, Translation
from gptcli.config.lecture_keys import is_lectures
from gptcli.config.model_config import KEYS, ModelConfig
from gptcli.config.printable import shortened
from gptcli.config.validate import check_entry
from gptcli.errors import InputProblemsError

LECTURE = "the lecture's author"
_OURS = Dialect(
    name=OUR_DIALECT, defaults=OUR_DIALECT, marker="n_layers: 12", keys={key: DialectKey((key,)) for key in KEYS}
)


def translate(entries: Entries, place: str) -> Translation:
    """Bring what a file says into our keys.

    Args:
        entries: its values by its own keys.
        place: its name in messages.

    Raises:
        InputProblemsError: the keys belong to several dialects alike, or describe a network that is no GPT-2.
    """
    lectures = is_lectures(entries.keys())
    dialect = _named(LECTURE) if lectures else recognise(entries, _dialects(), place)
    if dialect.translate is not None:
        return dialect.translate(entries, place)
    unknown = unknown_keys(entries, dialect, _dialects())
    if dialect is _OURS:
        return Translation({key: entry for key, entry in entries.items() if key not in unknown}, [*unknown.values()])
    meant, problems = _meant(dialect, _said(dialect, entries))
    translated = {ours: _agreed(ours, group, problems) for ours, group in meant.items()}
    for ours, value in dialect.implied.items():
        translated[ours] = _ungiven(value, f"implied by {dialect.defaults}", "")
    names = {ours: key for key, rule in dialect.keys.items() for ours in rule.ours}
    return Translation(translated, [*unknown.values(), *problems], dialect.name, names)


def settings_in(name: str, config: ModelConfig) -> dict[str, object]:
    """Write a config down in a dialect's keys, without its name; what the dialect implies is not written.

    Raises:
        KeyError: no such dialect.
    """
    dialect = _named(name)
    if dialect.settings is not None:
        return dialect.settings(config)
    return {
        key: rule.written(getattr(config, rule.ours[0]))
        for key, rule in dialect.keys.items()
        if rule.ours and rule.ours != ("name",)
    }


def marker_key(name: str) -> str:
    """Return the key that distinguishes settings in a dialect from others.

    Raises:
        KeyError: no such dialect.
    """
    return _named(name).marker.partition(":")[0]


def _named(name: str) -> Dialect:
    return {each.name: each for each in _dialects()}[name]


@cache
def _dialects() -> tuple[Dialect, ...]:
    """Return ours and those of the files in this folder."""
    files = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return (_OURS, *(importlib.import_module(f"{__name__}.{file}").DIALECT for file in files))


def _said(dialect: Dialect, entries: Entries) -> dict[str, list[Entry]]:
    """Return what was written for each key of the dialect, under any of its names, or else its default."""
    said = {}
    for key, rule in dialect.keys.items():
        default = _ungiven(rule.default, f"default of {dialect.defaults}", key)
        given = [replace(entries[name], key=name) for name in (key, *rule.aliases) if name in entries]
        said[key] = [default if rule.null and entry.value is None else entry for entry in given]
        if not given and rule.default is not None:
            said[key] = [default]
    return said


def _meant(dialect: Dialect, said: Mapping[str, list[Entry]]) -> tuple[dict[str, list[Entry]], list[Problem]]:
    """Return what the dialect's keys say for each key of ours, and what has no counterpart here."""
    meant: dict[str, list[Entry]] = {}
    problems = []
    first = {key: group[0] for key, group in said.items() if group}
    for key, rule in dialect.keys.items():
        for entry in said[key]:
            read = rule.read(entry, first)
            if isinstance(read, str):
                problem = Problem(entry.place, f"{entry.key} is {shortened(entry.text) or 'empty'}, {read}", entry.line)
                if rule.decisive:
                    raise InputProblemsError([str(problem)])
                problems.append(problem)
            elif read is not None:
                for ours in rule.ours:
                    meant.setdefault(ours, []).append(read)
    return meant, problems


def _agreed(ours: str, group: list[Entry], problems: list[Problem]) -> Entry:
    """Return the one entry that several keys of the dialect make for one of ours, having checked that they agree."""
    at = max(group, key=lambda entry: (entry.given, entry.line))
    if len(group) > 1:
        checked = [check_entry(ours, entry) for entry in group]
        problems += [problem for _, problem in checked if problem is not None]
        if len({value for value, problem in checked if problem is None}) > 1:
            differing = listed(f"{entry.key} {entry.text}{'' if entry.given else ' (default)'}" for entry in group)
            message = f"{differing} differ, but gptcli has one {ours} for them; make them equal"
            problems.append(Problem(at.place, message, at.line))
    return at


def _ungiven(value: object, place: str, key: str) -> Entry:
    return Entry(value, msgspec.json.encode(value).decode(), place, key=key, given=False)
