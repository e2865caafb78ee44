"""A value somebody gave, with the place it was given at, so that an error can point there."""

from msgspec import Struct


class Entry(Struct, frozen=True):
    """One value before validation.

    Attributes:
        value: what was read: a scalar, or a list or dict where a config may not have one.
        text: the value as it was written, for error messages and for fields that hold text.
        place: where: ``mine.yaml:3``, ``preset gpt2, line 3``, ``--set n_layers=24``, ``GPTCLI_N_LAYERS``.
        line: the line in a file, 0 elsewhere; problems are told in its order.
    """

    value: object
    text: str
    place: str
    line: int = 0


class Problem(Struct, frozen=True):
    """One thing wrong with an input: where it is, and what to do about it."""

    place: str
    message: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"
