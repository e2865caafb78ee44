"""What a dialect is: its keys, and what each of them says in ours."""

from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gptcli.config.entries import Entry, Translation
from gptcli.config.model_config import ModelConfig

Entries = Mapping[str, Entry]
# Takes the entry of a key and all entries of the file by key; gives the entry in our terms, None where it says nothing
# that a config of ours distinguishes, or the reason why it cannot be represented.
Reading = Callable[[Entry, Entries], Entry | str | None]


def _as_written(entry: Entry, _: Entries) -> Entry:
    return entry


class DialectKey(Struct, frozen=True):
    """A key that describes the network.

    Attributes:
        ours: the keys of ours that it gives.
        default: what the dialect takes where nobody wrote the key; None where it takes nothing.
        aliases: other names that the dialect has for it.
        null: whether null stands for the default.
        decisive: whether the key alone says the dialect, and its value whether the rest of the file is worth judging.
        read: brings the value into our terms.
        words: its words with ours, the usual word first, where the value is one.
    """

    ours: tuple[str, ...] = ()
    default: str | int | float | bool | None = None
    aliases: tuple[str, ...] = ()
    null: bool = False
    decisive: bool = False
    read: Reading = _as_written
    words: Mapping[str, str] = MappingProxyType({})

    def written(self, value: object) -> object:
        """Return a value of ours as the dialect writes it."""
        return next((word for word, ours in self.words.items() if ours == value), value)


class Dialect(Struct, frozen=True, dict=True):
    """One way to write a config down.

    Attributes:
        name: whose it is.
        defaults: whose its defaults are, ``Hugging Face's GPT2Config``.
        marker: a line that distinguishes a file of this dialect from others.
        keys: the keys that describe the network.
        implied: our key -> what every network of this dialect has without saying so.
        passed_over: keys that do not describe the network.
        translate: brings a file into our keys, where its keys alone do not say how.
        settings: likewise, writes a config down.
    """

    name: str
    defaults: str
    marker: str
    keys: Mapping[str, DialectKey]
    implied: Mapping[str, bool | float | str] = MappingProxyType({})
    passed_over: frozenset[str] = frozenset()
    translate: Callable[[Entries, str], Translation] | None = None
    settings: Callable[[ModelConfig], dict[str, object]] | None = None

    @cached_property
    def names(self) -> dict[str, str]:
        """Every name of a key that describes the network, with the key it is."""
        return {name: key for key, rule in self.keys.items() for name in (key, *rule.aliases)}

    def knows(self, key: str) -> bool:
        """Return whether a file of this dialect may hold the key."""
        return key in self.names or key in self.passed_over


def only(*allowed: object, why: str) -> Reading:
    """Read a key that says nothing as long as it has one of these values."""

    def read(entry: Entry, _: Entries) -> str | None:
        # To Python 1 is True; to whoever wrote the file it is not.
        if any(type(entry.value) is type(value) and entry.value == value for value in allowed):
            return None
        return f"{why}; write {msgspec.json.encode(allowed[0]).decode()} if that is so in your model too"

    return read


def one_of(meanings: Mapping[str, str], *, why: str) -> Reading:
    """Read a key whose words mean these words of ours."""

    def read(entry: Entry, _: Entries) -> Entry | str:
        if isinstance(entry.value, str) and entry.value in meanings:
            return replace(entry, value=meanings[entry.value])
        return f"{why}; it can be {', '.join(meanings)}"

    return read
