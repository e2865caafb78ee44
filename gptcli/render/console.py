"""The Rich console that breaks no word, and the few styles that all commands use."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

if TYPE_CHECKING:
    from gptcli.render.table import PlainTable

TITLE = "bold"
TOTAL = "bold green"
NUMBER = ""
PATH = "cyan"
QUIET = "dim"
ACCENT = "bold yellow"

MAX_WIDTH = 100  # on a wide screen lines longer than this are hard to follow
PAGE_WIDTH = 80  # of text that people read where no screen says how wide it is
_UNBOUNDED = 1_000_000  # columns of a pipe: what a program reads has no width


def make_console(stream: TextIO, *, page: bool = False) -> Console:
    """Return a console on a stream; a broken pipe is raised, not swallowed.

    A terminal has its own width, up to `MAX_WIDTH`. A pipe and a file have none, unless a program that shows the
    output itself says how wide, as watch does in COLUMNS.

    Args:
        stream: where the text goes.
        page: the text is read by people wherever it goes, as a help screen is.
    """
    console = _Console(file=stream, highlight=False, soft_wrap=False, emoji=False, markup=False)
    if console.is_terminal or "COLUMNS" in os.environ:
        console.width = min(console.width, MAX_WIDTH)
    else:
        console.width = PAGE_WIDTH if page else _UNBOUNDED
    return console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as Rich does, but for text: it is broken between words alone, and never cut."""
        if isinstance(renderable, str):
            renderable = Text(renderable)
        if not isinstance(renderable, Text):
            return super().render(renderable, options)
        return self._text(renderable, options or self.options)

    def _text(self, text: Text, options: ConsoleOptions) -> Iterable[Segment]:
        unbroken = options.no_wrap if text.no_wrap is None else text.no_wrap
        lines = list(text.split(allow_blank=True)) if unbroken else broken(text, options.max_width)
        if (text.justify or options.justify) == "right":
            for line in lines:
                line.pad_left(max(options.max_width - line.cell_len, 0))
        return Text("\n").join(lines).render(self, end=text.end)


def broken(text: Text, width: int) -> list[Text]:
    """Return a text in lines of at most so many columns; a word that is longer has a longer line of its own."""
    lines: list[Text] = []
    for line in text.split(allow_blank=True):
        places = _line_ends(line.plain, width) if line.cell_len > width else []
        for part in line.divide(places):
            part.rstrip_end(width)
            lines.append(part)
    return lines


def _line_ends(line: str, width: int) -> Iterator[int]:
    """Yield where a line is broken: before each word that has no room behind those before it."""
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
            yield (self._others if number else self._first).copy().append_text(line)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Any:
        """Need the longest word at least."""
        measured, indent = self._text.__rich_measure__(console, options), self._first.cell_len
        return measured.__class__(measured.minimum + indent, measured.maximum + indent)


def indented(text: Text | str, columns: int = 2) -> Hanging:
    """Return a text all of whose lines begin at a column."""
    return Hanging(" " * columns, " " * columns, Text.assemble(text))


TooNarrow = Literal["longer", "names above", "in groups"]


def plain_table(*, header: bool = True, wrap: bool = False, too_narrow: TooNarrow = "longer") -> "PlainTable":
    """Return the one table style: no frame, a rule under the header; nothing in it is ever cut.

    Args:
        header: whether columns have headings.
        wrap: whether a cell may take more than one line; the columns that are not ``no_wrap`` are broken between words.
        too_narrow: what becomes of a table that has no room: its rows are longer than the screen; or the first
            column, which names them, stands above the others; or these come in groups, one table below the other.
    """
    from gptcli.render.table import PlainTable

    return PlainTable(header=header, wrap=wrap, too_narrow=too_narrow)


def first_that_fits(tables: Iterable["PlainTable"], console: Console, options: ConsoleOptions) -> "PlainTable":
    """Return the first table that is no wider than the width at hand, nothing in it broken; or else the last."""
    for table in tables:
        if table.natural_width(console, options) <= options.max_width:
            break
    return table


def columns_of(sizes: Sequence[int], room: int) -> Iterator[list[int]]:
    """Yield the places of columns in groups that have room; a column that has none is alone."""
    group: list[int] = []
    used = 0
    for place, size in enumerate(sizes):
        if group and used + size > room:
            yield group
            group, used = [], 0
        group.append(place)
        used += size
    if group:
        yield group
