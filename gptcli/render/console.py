"""The Rich console that breaks no word, and helpers that most renderers need."""

import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from gptcli.config.printable import harmless
from gptcli.render.layout import broken
from gptcli.render.styles import ACCENT, NUMBER, PATH, QUIET, TITLE, TOTAL

__all__ = ["ACCENT", "NUMBER", "PATH", "QUIET", "TITLE", "TOTAL", "make_console", "plain_table"]

if TYPE_CHECKING:
    from gptcli.render.table import PlainTable, TooNarrow

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
    said = os.environ.get("COLUMNS", "")
    is_said = re.fullmatch(r"0*[1-9][0-9]{0,6}", said) is not None
    width = int(said) if is_said else None
    console = _Console(file=stream, width=width, highlight=False, soft_wrap=False, emoji=False, markup=False)
    if console.is_terminal or is_said:
        console.width = min(console.width, MAX_WIDTH)
    else:
        console.width = PAGE_WIDTH if page else _UNBOUNDED
    return console


class _Console(Console):
    """Lets no text through that controls a terminal, whoever wrote it: names in files, tokens, messages of others.

    Renderers make such text printable where they lay it out, so that it is as wide as it looks; this is for what one
    of them forgot.
    """

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as Rich does, but for text: it is broken between words alone, never cut, and harmless."""
        if isinstance(renderable, str):
            renderable = Text(renderable)
        if isinstance(renderable, Text):
            return _harmless(self._text(renderable, options or self.options))
        return _harmless(super().render(renderable, options))

    def _text(self, text: Text, options: ConsoleOptions) -> Iterable[Segment]:
        unbroken = options.no_wrap if text.no_wrap is None else text.no_wrap
        lines = list(text.split(allow_blank=True)) if unbroken else broken(text, options.max_width)
        if (text.justify or options.justify) == "right":
            for line in lines:
                line.pad_left(max(options.max_width - line.cell_len, 0))
        return Text("\n").join(lines).render(self, end=text.end)


def _harmless(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Pass on what is printed; colours are no text and stay."""
    for segment in segments:
        text = segment.text
        if segment.control or text.isprintable() or text == "\n":
            yield segment
        else:
            yield Segment(harmless(text), segment.style)


def plain_table(*, header: bool = True, wrap: bool = False, too_narrow: "TooNarrow" = "longer") -> "PlainTable":
    """Return the one table style: no frame, a rule under the header; nothing in it is ever cut.

    Args:
        header: whether columns have headings.
        wrap: whether a cell may take more than one line; the columns that are not ``no_wrap`` are broken between words.
        too_narrow: what becomes of a table that has no room: its rows are longer than the screen; or the first
            column, which names them, stands above the others; or these come in groups, one table below the other.
    """
    from gptcli.render.table import PlainTable

    return PlainTable(header=header, wrap=wrap, too_narrow=too_narrow)
