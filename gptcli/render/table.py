"""The one table: columns as wide as what stands in them; words are parted where room is short, nothing is cut."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from gptcli.render.styles import QUIET

TooNarrow = Literal["longer", "names above", "in groups"]
_INDENT = "  "  # of what stands below a name
_NARROW_GAPS = (2, 1)  # columns between two columns, where room is short
_UNBOUNDED = 1_000_000_000  # columns; a measurement is clipped to those at hand


class PlainTable(Table):
    """A table without a frame whose columns have the width that they need.

    Rich spends most of its time on cells. Where each row is one line, a table is drawn as one row of cells that hold
    all lines of a column, which takes a third of the time.
    """

    def __init__(self, *, header: bool, wrap: bool, too_narrow: TooNarrow) -> None:
        super().__init__(
            box=SIMPLE_HEAD if header else None,
            show_header=header,
            show_edge=False,
            pad_edge=False,
            header_style=QUIET,
            padding=(0, 2, 0, 0),
        )
        self._wrap = wrap
        self._too_narrow = too_narrow

    def natural_width(self, console: Console, options: ConsoleOptions) -> int:
        """Return how wide the table is where nothing is broken."""
        return sum(each.maximum for each in self._ranges(console, options)) + self._gaps()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw at the width at hand, or longer."""
        ranges = self._ranges(console, options)
        least = sum(each.minimum for each in ranges) + self._gaps()
        if least > options.max_width and self._too_narrow == "names above":
            yield from self._with_names_above([each.maximum for each in ranges], options.max_width)
        elif least > options.max_width and self._too_narrow == "in groups":
            yield from self._in_groups([each.maximum for each in ranges], options.max_width)
        else:
            yield from self._at(_widths(ranges, options.max_width - self._gaps()), console, options)

    def _ranges(self, console: Console, options: ConsoleOptions) -> list[Measurement]:
        """Return the least and the greatest width of each column."""
        return [self._range(column, console, options) for column in self.columns]

    def _range(self, column: Column, console: Console, options: ConsoleOptions) -> Measurement:
        cells = [column.header, *column.cells] if self.show_header else [*column.cells]
        free = options.update_width(_UNBOUNDED)
        measured = [Measurement.get(console, free, cell) if cell else Measurement(0, 0) for cell in cells]
        most = max([each.maximum for each in measured], default=0)
        whole = column.no_wrap or not self._wrap
        least = most if whole else max([each.minimum for each in measured], default=0)
        floor = column.min_width or 1
        return Measurement(max(least, floor), max(most, floor))

    def _gaps(self) -> int:
        return (len(self.columns) - 1) * self._gap

    @property
    def _gap(self) -> int:
        """The columns between two columns: their padding, and the line of the box."""
        return self.padding[1] + (self.box is not None)

    def _at(self, widths: Sequence[int], console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw with columns of these widths."""
        drawn = Table(
            box=self.box,
            show_header=self.show_header,
            show_edge=False,
            pad_edge=False,
            header_style=self.header_style,
            padding=self.padding,
        )
        for column, width in zip(self.columns, widths, strict=True):
            drawn.add_column(
                column.header,
                style=column.style,
                justify=column.justify,
                width=width,
                no_wrap=column.no_wrap or not self._wrap,
            )
        if self._wrap:
            for cells, row in zip(zip(*(column.cells for column in self.columns), strict=True), self.rows, strict=True):
                drawn.add_row(*cells, end_section=row.end_section)
        elif self.rows:
            drawn.add_row(*(Text("\n").join(self._lines(column)) for column in self.columns))
        total = sum(widths) + self._gaps()
        yield from drawn.__rich_console__(console, options.update_width(max(total, options.max_width)))

    def _lines(self, column: Column) -> Iterator[Text]:
        for cell, row in zip(column.cells, self.rows, strict=True):
            yield cell if isinstance(cell, Text) else Text(str(cell))
            if row.end_section and row is not self.rows[-1]:
                yield Text("")

    def _with_names_above(self, widths: Sequence[int], room: int) -> RenderResult:
        """Draw each row as its name, and below it the figures, in columns across all rows; in more lines if need be."""
        others = widths[1:]
        room -= len(_INDENT)
        gap = next((gap for gap in (self._gap, *_NARROW_GAPS) if _span(others, gap) <= room), _NARROW_GAPS[0])
        lines = list(columns_of(others, room, gap))
        rows = list(zip(*(column.cells for column in self.columns), strict=True))
        if self.show_header:
            yield self._named([column.header for column in self.columns], widths, lines, gap, style=QUIET)
            longest = max((_span([others[place] for place in places], gap) for places in lines), default=0)
            yield Text("\u2500" * (len(_INDENT) + longest))
        for cells in rows:
            yield self._named(cells, widths, lines, gap)

    def _named(
        self, cells: Sequence[object], widths: Sequence[int], lines: Sequence[Sequence[int]], gap: int, style: str = ""
    ) -> Text:
        name, *others = (cell if isinstance(cell, Text) else Text(str(cell)) for cell in cells)
        shown = [Text(style=style or str(self.columns[0].style)).append_text(name)]
        for places in lines:
            line = Text(_INDENT, style=style)
            for place in places:
                line.append_text(_filled(others[place], self.columns[1 + place], widths[1 + place])).append(" " * gap)
            line.rstrip()
            shown += [line] if line.plain.strip() else []
        return Text("\n", no_wrap=True).join(shown)

    def _in_groups(self, widths: Sequence[int], room: int) -> RenderResult:
        """Draw as many columns as have room beside the first, and the next below."""
        first, *others = widths
        for number, places in enumerate(columns_of(others, room - first - self._gap, self._gap)):
            if number:
                yield Text()
            part = PlainTable(header=self.show_header, wrap=self._wrap, too_narrow="longer")
            part.padding = self.padding
            chosen = [self.columns[0], *(self.columns[1 + place] for place in places)]
            for column in chosen:
                part.add_column(column.header, style=column.style, justify=column.justify, no_wrap=column.no_wrap)
            for cells, row in zip(zip(*(column.cells for column in chosen), strict=True), self.rows, strict=True):
                part.add_row(*cells, end_section=row.end_section)
            yield part


def first_that_fits(tables: Iterable[PlainTable], console: Console, options: ConsoleOptions) -> PlainTable:
    """Return the first table that is no wider than the width at hand, nothing in it broken; or else the last."""
    for table in tables:
        if table.natural_width(console, options) <= options.max_width:
            break
    return table


class Narrowing:
    """The same content in tables that show less and less, of which the first is drawn that has room.

    Args:
        tables: what makes each of them, the fullest first.
    """

    def __init__(self, tables: Iterable[Callable[[], PlainTable]]) -> None:
        self._tables = tuple(tables)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw at the width at hand."""
        yield first_that_fits((table() for table in self._tables), console, options)


def columns_of(widths: Sequence[int], room: int, gap: int) -> Iterator[list[int]]:
    """Yield the places of columns in groups that have room; a column that has none is alone."""
    group: list[int] = []
    for place in range(len(widths)):
        if group and _span([widths[each] for each in (*group, place)], gap) > room:
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _span(widths: Sequence[int], gap: int) -> int:
    """Return how wide columns are, side by side."""
    return sum(widths) + gap * (len(widths) - 1)


def _filled(cell: Text, column: Column, width: int) -> Text:
    """Return a cell as wide as its column."""
    free = Text(" " * max(width - cell.cell_len, 0))
    shown = Text(style=str(column.style)).append_text(cell)
    return free + shown if column.justify == "right" else shown + free


def _widths(ranges: Sequence[Measurement], room: int) -> list[int]:
    """Return a width for each column: what it needs, and where that is too much, less for those that can be broken.

    The column that gives way is always the widest that still can.
    """
    widths = [each.maximum for each in ranges]
    excess = sum(widths) - room
    while excess > 0:
        flexible = [place for place, each in enumerate(ranges) if widths[place] > each.minimum]
        if not flexible:
            break
        widest = max(flexible, key=lambda place: widths[place])
        second = max([widths[place] for place in flexible if place != widest], default=0)
        target = max(ranges[widest].minimum, min(second, widths[widest] - 1), widths[widest] - excess)
        excess -= widths[widest] - target
        widths[widest] = target
    return widths
