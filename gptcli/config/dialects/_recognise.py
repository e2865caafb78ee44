"""Whose keys a file is written in, and which of them are somebody else's."""

from collections.abc import Iterable, Sequence

from gptcli.config.dialects._dialect import Dialect, Entries
from gptcli.config.entries import OUR_DIALECT, Problem
from gptcli.config.printable import shortened
from gptcli.errors import InputProblemsError, did_you_mean

_MOST_HINTS = 50  # as many problems as are shown; looking for the likes of a hundred thousand keys takes minutes
_NOBODY_KNOWS = ", which may change the network; remove it if it does not"


def recognise(entries: Entries, dialects: Sequence[Dialect], place: str) -> Dialect:
    """Return the dialect whose decisive key is there, or else that most of the keys belong to; in doubt ours.

    Raises:
        InputProblemsError: the keys belong to several dialects alike.
    """
    ranks = [_rank(entries, dialect) for dialect in dialects]
    best = [dialect for dialect, rank in zip(dialects, ranks, strict=True) if rank == max(ranks)]
    if len(best) == 1 or best[0].name == OUR_DIALECT:
        return best[0]
    shared = listed(f"'{key}'" for key in entries if best[0].knows(key))
    owners = " or ".join(f"{dialect.name}'s" for dialect in best)
    ways = " or ".join(f"'{dialect.marker}' ({dialect.name})" for dialect in best)
    raise InputProblemsError([str(Problem(place, f"cannot tell from {shared} whether this is {owners}; add {ways}"))])


def unknown_keys(entries: Entries, dialect: Dialect, dialects: Sequence[Dialect]) -> dict[str, Problem]:
    """Report keys that the file's dialect does not know; keys that nobody knows only where the dialect is not ours."""
    problems = {}
    for key in entries:
        if dialect.knows(key):
            continue
        owners = [other for other in dialects if key in other.names]
        if owners:
            problems[key] = _foreign(key, owners, dialect, entries)
        elif dialect.name != OUR_DIALECT:
            hint = _near(key, dialect) if len(problems) < _MOST_HINTS else ""
            message = f"unknown key '{shortened(key)}'{hint or _NOBODY_KNOWS}"
            problems[key] = Problem(entries[key].place, message, entries[key].line)
    return problems


def _near(key: str, dialect: Dialect) -> str:
    return did_you_mean(key.lower(), (*dialect.names, *dialect.passed_over))


def listed(words: Iterable[str]) -> str:
    """Join words as in a sentence: ``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _rank(entries: Entries, dialect: Dialect) -> tuple[bool, int]:
    decisive = any(rule.decisive and key in entries for key, rule in dialect.keys.items())
    return decisive, sum(dialect.knows(key) for key in entries)


def _owners(dialects: Iterable[Dialect]) -> str:
    return listed(f"{dialect.name}'s" for dialect in dialects)


def _foreign(key: str, owners: Sequence[Dialect], dialect: Dialect, entries: Entries) -> Problem:
    """Tell of a key of other dialects, and name one of the file's own that it stands beside."""
    meaning = owners[0].keys[owners[0].names[key]].ours
    counterparts = [name for name, own in dialect.names.items() if set(meaning) & set(dialect.keys[own].ours)]
    rivals = [name for name in counterparts if name in entries]
    # There is a key that only the file's dialect knows, or the other one would know more of them.
    beside = next(name for name in (*rivals, *entries) if dialect.knows(name) and not owners[0].knows(name))
    line = f" (line {entries[beside].line})" if entries[beside].line else ""
    message = f"key '{key}' is {_owners(owners)}, but '{beside}'{line} is {dialect.name}'s"
    return Problem(entries[key].place, message + _way_out(key, meaning, counterparts, rivals), entries[key].line)


def _way_out(key: str, meaning: Sequence[str], counterparts: Sequence[str], rivals: Sequence[str]) -> str:
    if rivals:
        return f"; use one dialect: remove '{key}' or '{rivals[0]}'"
    if counterparts:
        return f" (did you mean '{counterparts[0]}'?)"
    return f"; say it over any dialect with --set {meaning[0]}=..." if meaning else "; remove it"
