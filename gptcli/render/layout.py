"""Ways to set a text for the width at hand: hanging, indented, in pairs; lines end between words alone."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.text import Text

from gptcli.render.styles import QUIET


def broken(text: Text, width: int) -> list[Text]:
    """Return a text in lines of at most so many columns; a word that is longer has a longer line of its own."""
    lines: list[Text] = []
    for line in text.split(allow_blank=True):
        places = _line_ends(line.plain, width) if line.cell_len > width else []
        *parts, last = line.divide(places)
        for part in parts:
            part.rstrip()
        last.rstrip_end(width)
        lines += [*parts, last]
    return lines


def _line_ends(line: str, width: int) -> Iterator[int]:
    """Yield where a line is broken: before each word that has no room after those before it."""
    used = 0
    for word in re.finditer(r"^\s*\S+\s*|\S+\s*", line):
        if used and used + cell_len(word[0].rstrip()) > width:
            yield word.start()
            used = 0
        used += cell_len(word[0])


class Hanging:
    """A text after something that stands before its first line, and something else before the others.

    Args:
        first: what stands before the first line, say a bullet or the lines of a tree.
        others: what stands before the others, as wide.
        text: what is broken where it has no room.
    """

    def __init__(self, first: Text | str, others: Text | str, text: Text) -> None:
        self._first, self._others = Text.assemble(first), Text.assemble(others)
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Break the text at the width at hand."""
        lines = broken(self._text, max(options.max_width - self._first.cell_len, 1))
        for number, line in enumerate(lines):
            whole = (self._others if number else self._first).copy().append_text(line)
            whole.no_wrap = True
            yield whole

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Any:
        """Need the longest word at least."""
        measured, indent = self._text.__rich_measure__(console, options), self._first.cell_len
        return measured.__class__(measured.minimum + indent, measured.maximum + indent)


class _Indented(Hanging):
    """A text all of whose lines begin at a column, or further left where a word would have no room."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Break the text at the width at hand."""
        longest = max(map(cell_len, self._text.plain.split()), default=0)
        indent = self._first.plain[: max(options.max_width - longest, 0)]
        yield from Hanging(indent, indent, self._text).__rich_console__(console, options)


def indented(text: Text | str, columns: int = 2) -> Hanging:
    """Return a text all of whose lines begin at a column, or further left where a word would have no room."""
    return _Indented(" " * columns, " " * columns, Text.assemble(text))


class _BesideOrBelow:
    """A text beside something, or below it where too little room is left."""

    _LEAST = 20  # columns in which a text can be read

    def __init__(self, first: Text, text: Text) -> None:
        self._first, self._text = first, text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay out for the width at hand."""
        if options.max_width - self._first.cell_len >= min(self._LEAST, self._text.cell_len):
            yield Hanging(self._first, " " * self._first.cell_len, self._text)
            return
        first = self._first.copy()
        first.rstrip()
        yield first
        yield indented(self._text, 4)


def beside_or_below(first: Text, text: Text) -> _BesideOrBelow:
    """Return a text that stands beside a figure, or below it where too little room is left."""
    return _BesideOrBelow(first, text)


def pairs(rows: Sequence[tuple[Text | str, Text | str]], *, style: str = QUIET) -> Group:
    """Return terms in one column and the description of each in another."""
    words = [Text.assemble(word if isinstance(word, Text) else (word, style)) for word, _ in rows]
    width = max((word.cell_len for word in words), default=0) + 2
    lines = []
    for word, (_, text) in zip(words, rows, strict=True):
        word.pad_right(width - word.cell_len)
        lines.append(Hanging(word, " " * width, Text.assemble(text)))
    return Group(*lines)


def by_its_indent(text: Text) -> Hanging:
    """Return a text that begins with blanks, its other lines a little further in than its first."""
    indent = " " * (len(text.plain) - len(text.plain.lstrip(" ")))
    return Hanging(indent, f"{indent}  ", text[len(indent) :])
