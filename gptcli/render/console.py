"""The Rich console, and the few styles that all commands use."""

import os
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from gptcli.config.printable import harmless

TITLE = "bold"
TOTAL = "bold green"
NUMBER = ""
PATH = "cyan"
QUIET = "dim"
ACCENT = "bold yellow"

MAX_WIDTH = 100  # on a wide screen lines longer than this are hard to follow


def make_console(stream: TextIO) -> Console:
    """Return a console on a stream; a broken pipe is raised, not swallowed."""
    console = _Console(file=stream, highlight=False, soft_wrap=False, emoji=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 80
    console.width = min(console.width, MAX_WIDTH)
    return console


class _Console(Console):
    """Lets no text through that controls a terminal, whoever wrote it: names in files, tokens, messages of others.

    Renderers make such text printable where they lay it out, so that it is as wide as it looks; this is for what one
    of them forgot.
    """

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Yield what is printed; colours are no text and stay."""
        for segment in super().render(renderable, options):
            text = segment.text
            if segment.control or text.isprintable() or text == "\n":
                yield segment
            else:
                yield Segment(harmless(text), segment.style)


class _LineTable(Table):
    """A table whose rows are one line each, drawn as one row of cells that hold all lines of a column.

    Rich spends most of its time on cells, so this takes a third of the time of the same table drawn row by row.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw at the width at hand."""
        drawn = Table(
            box=self.box,
            show_header=self.show_header,
            show_edge=False,
            pad_edge=False,
            header_style=self.header_style,
            padding=self.padding,
        )
        joined = []
        for column in self.columns:
            drawn.add_column(column.header, style=column.style, justify=column.justify, no_wrap=True)
            joined.append(Text("\n").join(self._lines(column)))
        if self.rows:
            drawn.add_row(*joined)
        yield drawn

    def _lines(self, column: Column) -> Iterator[Text]:
        for cell, row in zip(column.cells, self.rows, strict=True):
            yield cell if isinstance(cell, Text) else Text(str(cell))
            if row.end_section and row is not self.rows[-1]:
                yield Text("")


def plain_table(*, header: bool = True, wrap: bool = False) -> Table:
    """Return the one table style: no frame, a rule under the header.

    Args:
        header: whether columns have headings.
        wrap: whether a cell may take more than one line.
    """
    from rich.box import SIMPLE_HEAD

    return (Table if wrap else _LineTable)(
        box=SIMPLE_HEAD if header else None,
        show_header=header,
        show_edge=False,
        pad_edge=False,
        header_style=QUIET,
        padding=(0, 2, 0, 0),
    )
