"""What a ``config.json`` says, with the defaults of its class, read by type."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from gptcli.config.dialects.huggingface._classes import ConfigClass
from gptcli.config.entries import Entry, Problem
from gptcli.config.printable import shortened


class UnreadableError(Exception):
    """A value that cannot be read; it holds the problem."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(problem.message)
        self.problem = problem


class Settings:
    """The keys of one model.

    Attributes:
        notes: what a reading has to say beside its values.
    """

    def __init__(self, entries: Mapping[str, Entry], config_class: ConfigClass, place: str) -> None:
        """Take the file's entries by the class's own names, and the file's name for messages."""
        self._entries = entries
        self._place = place
        self._class = config_class
        self.notes: list[str] = []

    @property
    def splits_evenly(self) -> bool:
        """Whether the class refuses a width that its heads do not divide."""
        return self._class.even

    def gives(self, key: str) -> bool:
        """Return whether the file has the key, be it null."""
        return key in self._entries

    def entry(self, key: str) -> Entry:
        """Return what the file says, or else the class."""
        if key in self._entries:
            return self._entries[key]
        return self.ungiven(self._class.keys.get(key), key)

    def ungiven(self, value: object, key: str) -> Entry:
        """Return an entry for what the class implies."""
        return Entry(value, written(value), f"default of Hugging Face's {self._class.name}", key=key, given=False)

    def made(self, value: object, keys: tuple[str, ...]) -> Entry:
        """Return an entry for what was worked out from keys: it stands where the first of them does that is there."""
        if isinstance(value, Entry):
            return value
        key = next((key for key in keys if key in self._entries), None)
        if key is None:
            return self.ungiven(value, keys[0])
        return replace(self._entries[key], value=value, text=written(value))

    def value(self, key: str) -> object:
        """Return the value of a key."""
        return self.entry(key).value

    def whole(self, key: str) -> int:
        """Return a whole number."""
        found = self.maybe_whole(key)
        if found is None:
            raise self.wrong(key, "must be a whole number")
        return found

    def maybe_whole(self, key: str) -> int | None:
        """Return a whole number, or None for null."""
        found = self.value(key)
        if found is None or (isinstance(found, int) and not isinstance(found, bool)):
            return found
        raise self.wrong(key, "must be a whole number")

    def number(self, key: str) -> float:
        """Return a number."""
        found = self.maybe_number(key)
        if found is None:
            raise self.wrong(key, "must be a number")
        return found

    def maybe_number(self, key: str) -> float | None:
        """Return a number, or None for null."""
        found = self.value(key)
        if found is None or (isinstance(found, int | float) and not isinstance(found, bool)):
            return found
        raise self.wrong(key, "must be a number")

    def flag(self, key: str) -> bool:
        """Return a boolean; null is false."""
        found = self.value(key)
        if found is None or isinstance(found, bool):
            return bool(found)
        raise self.wrong(key, "must be true or false")

    def listed(self, key: str) -> list[object] | None:
        """Return a list, or None for null."""
        found = self.value(key)
        if found is None or isinstance(found, list):
            return found
        raise self.wrong(key, "must be a list")

    def mapping(self, key: str) -> dict[str, object] | None:
        """Return a mapping, or None for null."""
        found = self.value(key)
        if found is None or isinstance(found, dict):
            return found
        raise self.wrong(key, "must be a mapping")

    def wrong(self, key: str, must: str) -> UnreadableError:
        """Return the error for a value of the wrong kind."""
        entry = self.entry(key)
        return self.problem(key, f"{entry.key or key} {must}, got {self._told(entry)}")

    def problem(self, key: str, message: str) -> UnreadableError:
        """Return the error that stands where a key does, or at the file where it is not there."""
        entry = self.entry(key)
        return UnreadableError(Problem(entry.place if entry.given else self._place, message, entry.line))

    def refused(self, key: str, reason: str) -> UnreadableError:
        """Return the error for a value that cannot be represented; the reason goes on from ``KEY is VALUE``."""
        entry = self.entry(key)
        return self.problem(key, f"{entry.key or key} is {self._told(entry)}, {reason}")

    def _told(self, entry: Entry) -> str:
        text = written(entry.value) if isinstance(entry.value, list | dict) else entry.text
        default = "" if entry.given else f" (default of {self._class.name})"
        return f"{shortened(text) or 'empty'}{default}"


def written(value: object) -> str:
    """Return a value as messages quote it."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    if isinstance(value, str):
        return repr(value)
    return msgspec.json.encode(value).decode()
