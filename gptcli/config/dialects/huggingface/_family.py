"""What a family is: which of its keys say what in ours."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from gptcli.config.dialects.huggingface._settings import Settings

Read = Callable[[Settings], Mapping[str, object]]


class Reading(Struct, frozen=True):
    """Works out keys of ours from several of theirs.

    Attributes:
        keys: theirs that it reads, the one that says most first; those that older files have, too.
        read: gives ours.
    """

    keys: tuple[str, ...]
    read: Read


class Family(Struct, frozen=True, kw_only=True):
    """A ``model_type``.

    A key of the class that stands nowhere here may only have the class's default: then it says nothing.

    Attributes:
        keys: their key -> ours, where the value is taken as it stands.
        readings: what takes more.
        implied: our key -> what every network of the family has.
        nothing: keys that change no figure and no result, those of the class and what it writes beside them.
        run_only: keys of the class that change what the network computes, but nothing that is counted of it.
        instead: key -> why it is refused and what would work; goes on from ``KEY is VALUE,``.
    """

    keys: Mapping[str, str]
    readings: tuple[Reading, ...] = ()
    implied: Mapping[str, object] = MappingProxyType({})
    nothing: frozenset[str] = frozenset()
    run_only: frozenset[str] = frozenset()
    instead: Mapping[str, str] = MappingProxyType({})

    def reads(self) -> set[str]:
        """Return every key that says something."""
        return set(self.keys).union(*(reading.keys for reading in self.readings))


def reads(*keys: str) -> Callable[[Read], Reading]:
    """Make a function a reading of these keys."""
    return lambda read: Reading(keys, read)


def but(family: Family, *readings: Reading, without: tuple[str, ...] = (), **changed: Any) -> Family:
    """Return a family like another.

    Args:
        family: the other.
        readings: in place of those that read the same first key, and further ones.
        without: keys of the other that it does not take, or takes otherwise.
        changed: ``keys``, ``implied``, ``nothing``, ``run_only`` and ``instead``, laid over the other's.
    """
    kept = {key: ours for key, ours in family.keys.items() if key not in without}
    first = {reading.keys[0]: reading for reading in family.readings if reading.keys[0] not in without}
    first |= {reading.keys[0]: reading for reading in readings}
    return Family(
        keys={**kept, **changed.get("keys", {})},
        readings=tuple(first.values()),
        implied={**family.implied, **changed.get("implied", {})},
        nothing=family.nothing | changed.get("nothing", frozenset()),
        run_only=family.run_only | changed.get("run_only", frozenset()),
        instead={**family.instead, **changed.get("instead", {})},
    )
