"""What a class that takes one object of settings is given: it answers to keys and to attributes, by every spelling."""

from collections.abc import Mapping
from typing import Any

from gptcli.model.check.building.synonyms import UNKNOWN, Wanted, value_for

_WHOLE = frozenset({"model", "config", "cfg", "gpt", "transformer", "model_config", "model_args"})  # nested settings


class Settings(dict[str, Any]):
    """A dictionary whose missing keys are looked for by their meaning.

    Args:
        entries: those that it has.
        wanted: what the others are worth.
        names: every key that their code asks for, which may say what an ambiguous one means.
    """

    def __init__(self, entries: Mapping[str, object], wanted: Wanted, names: frozenset[str]) -> None:
        super().__init__(entries)
        self.__dict__["_wanted"], self.__dict__["_names"] = wanted, names

    def __missing__(self, key: object) -> object:
        """Find a value by its meaning; KeyError where there is none."""
        if isinstance(key, str):
            value = value_for(key, self.__dict__["_wanted"].config, self.__dict__["_names"])
            if value is not UNKNOWN:
                return value
            if key in _WHOLE:
                return self
        raise KeyError(key)

    def __getattr__(self, name: str) -> object:
        """Find a value as an attribute."""
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the settings have no '{name}'") from None

    def __setattr__(self, name: str, value: object) -> None:
        """Keep an attribute as an entry."""
        self[name] = value
