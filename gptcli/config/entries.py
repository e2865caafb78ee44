"""A value somebody gave, with the place it was given at, so that an error can point there."""

from msgspec import Struct

OUR_DIALECT = "gptcli"


class Entry(Struct, frozen=True):
    """One value before validation.

    Attributes:
        value: what was read: a scalar, or a list or dict where a config may not have one.
        text: the value as it was written, for error messages and for fields that hold text.
        place: where: ``mine.yaml:3``, ``preset gpt2, line 3``, ``--set n_layers=24``, ``GPTCLI_N_LAYERS``.
        line: the line in a file, 0 elsewhere; problems are reported in its order.
        key: what the file calls it, where that is not our name (``n_embd``).
        given: False where nobody wrote it and the file's dialect implies it.
    """

    value: object
    text: str
    place: str
    line: int = 0
    key: str = ""
    given: bool = True


class Problem(Struct, frozen=True):
    """One thing wrong with an input: where it is, and what to do about it.

    Attributes:
        place: where.
        message: what, and the way out.
        line: in a file, 0 elsewhere.
        run_only: whether it changes what a network computes, but nothing that is counted of it.
    """

    place: str
    message: str
    line: int = 0
    run_only: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Translation(Struct, frozen=True):
    """What a file says, by our keys.

    Attributes:
        entries: its values and those that its dialect implies.
        problems: what it says that has no counterpart here.
        dialect: whose keys the file is written in.
        names: our key -> the dialect's, where they differ.
        notes: what was taken otherwise than somebody may expect, or not at all.
        quantization: a file's ``quantization_config`` as it stands.
    """

    entries: dict[str, Entry]
    problems: list[Problem]
    dialect: str = OUR_DIALECT
    names: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    quantization: object = None
