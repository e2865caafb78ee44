"""The flow map as text, from top to bottom as one draws it on a whiteboard: lines for what flows, a row a step."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from gptcli.architecture.axes import MEANING
from gptcli.render.console import PATH, QUIET, TITLE, TOTAL, plain_table
from gptcli.render.flow_tree import (
    BLOCK_DEPTH,
    INPUT,
    Branch,
    Lane,
    axes_in,
    columns_of,
    flow_tree,
    lanes,
    symbol_values,
)
from gptcli.render.layout import Hanging
from gptcli.render.model_line import model_line
from gptcli.render.table import PlainTable, first_that_fits
from gptcli.render.tokens import Chips
from gptcli.render.units import count, shape, short_count, short_flops, symbol_text
from gptcli.reports.flow import FlowReport

_STEP = "\u25cf"
_DRAWN = {"add": "\u2295"}
_LINE = "\u2502"
_TURN, _JOIN, _BRANCH = "\u256d\u2500", "\u2570\u2500", "\u251c\u2500"
_CROSS, _ON, _END = "\u253c\u2500", "\u2500\u2500", "\u2524"
_TURN_ON, _JOIN_ON = "\u252c\u2500", "\u2534\u2500"
# What a sign becomes a line further down, where nothing happens.
_BELOW = {
    _TURN: f"{_LINE} ",
    _BRANCH: f"{_LINE} ",
    _CROSS: f"{_LINE} ",
    _JOIN: "  ",
    _ON: "  ",
    _STEP: _LINE,
    _DRAWN["add"]: _LINE,
    "\u250c\u2500": f"{_LINE} ",
}
_OPEN, _CLOSE = "\u250c\u2500 ", "\u2514\u2500 "

_WIDE = 100  # columns from which the path of each step is shown
_FIGURE: dict[str, Any] = {"justify": "right", "no_wrap": True}


class _Row(NamedTuple):
    """A line of the drawing: lines on the left, words, and what stands beside them."""

    lines: str
    label: str = ""
    symbols: Sequence[str] = ()
    sizes: Sequence[int] = ()
    parameters: int = 0
    flops: int = 0
    bold: bool = False
    path: str = ""


class _Choice(NamedTuple):
    """How much a table shows: counts in full or not, blanks in a shape or not, columns of figures, symbols or not."""

    exact: bool = True
    spaced: bool = True
    figures: int = 2
    symbols: bool = True


# What a screen that is too narrow goes without, the least of it first.
_CHOICES = (
    _Choice(),
    _Choice(exact=False),
    _Choice(exact=False, spaced=False),
    _Choice(exact=False, spaced=False, figures=1),
    _Choice(exact=False, spaced=False, figures=0),
    _Choice(exact=False, spaced=False, figures=0, symbols=False),
)


def draw(report: FlowReport, depth: int) -> Group:
    """Lay out the text, the drawing and what its symbols mean.

    Args:
        report: the steps.
        depth: 1 shows the parts of the network, 2 those of a block, 3 those of attention and feed forward.
    """
    assert report.config is not None
    drawing = FlowDrawing(report, depth)
    total = Text.assemble((count(report.parameters), TOTAL), " parameters, ")
    total.append(short_flops(report.forward_flops), style=TOTAL).append(" a forward pass")
    texts = [Chips(tokens) for tokens in report.text_tokens or ()]
    above: list[RenderableType] = [*texts, ""] if texts else []
    return Group(model_line(report.config), "", *above, drawing, "", total, _legend(report, drawing.symbols))


def _legend(report: FlowReport, shown: set[str]) -> Text:
    values = symbol_values(report)
    meanings = [
        f"{each} = {' or '.join(map(str, values[each]))} ({MEANING[each]})"
        for each in MEANING
        if each in shown & values.keys()
    ]
    return Text(", ".join(meanings), style=QUIET)


class FlowDrawing:
    """The steps with their lines, in as many columns as the width at hand has room for.

    Attributes:
        symbols: those that occur in the shapes.
    """

    def __init__(self, report: FlowReport, depth: int) -> None:
        ids = _Row("  ", "token ids", ("B", "T"), (report.batch_size, report.seq_len))
        self._rows = [ids, *_rows(flow_tree(report), "", depth)]
        self.symbols = axes_in(symbol for row in self._rows for symbol in row.symbols)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Leave columns out before a figure is cut."""
        yield first_that_fits(self._tables(paths=options.max_width >= _WIDE), console, options)

    def _tables(self, *, paths: bool) -> Iterator[PlainTable]:
        yield from (self._table(choice, paths=paths) for choice in _CHOICES)
        yield self._table(_CHOICES[-1], paths=paths, wrap=True)

    def _table(self, choice: _Choice, *, paths: bool, wrap: bool = False) -> PlainTable:
        table = plain_table(wrap=wrap)
        table.padding = (0, 0, 0, 0)
        table.add_column("Step")
        table.add_column("  Shape" if choice.symbols else "Shape", no_wrap=True)
        for heading in ("Parameters" if choice.exact else "Params", "FLOPs")[: choice.figures]:
            table.add_column(heading, **_FIGURE)
        if paths:
            table.add_column(" Path", no_wrap=True, style=PATH)
        symbols = [f" {symbol_text(row.symbols)}" if choice.symbols and row.symbols else "" for row in self._rows]
        widths = [len(row.lines) + len(row.label) for row in self._rows]
        whole = max(map(sum, zip(widths, map(len, symbols), strict=True)))
        for row, width, each in zip(self._rows, widths, symbols, strict=True):
            lines, words = Text(row.lines, style=QUIET), Text(row.label, style=TITLE if row.bold else "")
            if wrap:
                step: RenderableType = Hanging(lines, Text(_further(row.lines), style=QUIET), words)
            else:
                step = lines.append_text(words).append(f"{each:>{whole - width}}", style=QUIET)
            table.add_row(step, _numbers(row, choice), *_figures(row, choice), *([f" {row.path}"] if paths else []))
        return table


def _further(lines: str) -> str:
    """Return the lines of a drawing as they go on below a row whose label takes another line."""
    for sign, below in _BELOW.items():
        lines = lines.replace(sign, below)
    return lines


def _numbers(row: _Row, choice: _Choice) -> str:
    numbers = shape(row.sizes) if choice.spaced else shape(row.sizes).replace(" ", "")
    return f"= {numbers}" if numbers and choice.symbols else numbers


def _figures(row: _Row, choice: _Choice) -> list[Text]:
    parameters = count(row.parameters) if choice.exact else short_count(row.parameters)
    texts = (parameters if row.parameters else "", _short(row.flops) if row.flops else "")
    return [Text(text, style=TITLE if row.bold else "") for text in texts[: choice.figures]]


def _short(flops: int) -> str:
    """``308778000`` -> ``308.78M``; the heading says that they are FLOPs."""
    return short_flops(flops).removesuffix("FLOPs").replace(" ", "")


def _rows(parts: Sequence[Branch], margin: str, depth: int) -> Iterator[_Row]:
    """Yield the rows of a group: lanes for what goes around, the main line, the labels."""
    around = lanes(parts)
    yield from _forks(around, INPUT, margin)
    for place, node in enumerate(parts):
        if node.fold is not None:
            yield from _block_rows(node, margin, depth)
        else:
            yield _row(node, margin + _lanes_at(around, place))
            if depth > BLOCK_DEPTH and node.parts:
                yield from _rows(node.parts, f"{margin}{_passing(around, place)}{_LINE} ", depth)
        yield from _forks(around, place, margin)


def _forks(around: Sequence[Lane], place: int, margin: str) -> Iterator[_Row]:
    """Yield the row in which a line leaves the main one below a part."""
    leaving = next((lane for lane in around if lane.start == place and lane.splits), None)
    if leaving is None:
        return
    signs = []
    for column in reversed(range(columns_of(around))):
        others = any(lane.start < place < lane.end and lane.column == column for lane in around)
        if column == leaving.column:
            signs.append(_TURN)
        elif column > leaving.column:
            signs.append(f"{_LINE} " if others else "  ")
        else:
            signs.append(_CROSS if others else _ON)
    yield _Row(f"{margin}{''.join(signs)}{_END}")


def _row(node: Branch, lines: str) -> _Row:
    step = node.step
    drawn = _DRAWN.get(step.operation, _STEP)
    label = f"{node.label} = {step.tied_to}" if step.tied_to else node.label
    return _Row(f"{lines}{drawn} ", label, step.symbols, step.shape, node.parameters, node.flops, path=node.path)


def _lanes_at(around: Sequence[Lane], place: int) -> str:
    """Return what the lanes show beside a part: where a line turns off, comes back, or passes."""
    joined = {lane.column for lane in around if lane.end == place}
    turned = {lane.column for lane in around if lane.start == place and not lane.splits}
    touching = joined | turned
    furthest = max(touching, default=-1)
    signs = []
    for column in reversed(range(columns_of(around))):
        passes = any(lane.start < place < lane.end and lane.column == column for lane in around)
        if column in joined:
            ends = max(lane.end for lane in around if lane.column == column and _holds(lane, around, place)) == place
            further = column < furthest
            signs.append((_JOIN_ON if further else _JOIN) if ends else (_CROSS if further else _BRANCH))
        elif column in turned:
            signs.append(_TURN_ON if column < furthest else _TURN)
        elif column < furthest:
            signs.append(_CROSS if passes else _ON)
        else:
            signs.append(f"{_LINE} " if passes else "  ")
    return "".join(signs)


def _holds(lane: Lane, around: Sequence[Lane], place: int) -> bool:
    """Return whether a lane is part of the line that comes into a part."""
    starts = {each.start for each in around if each.end == place and each.column == lane.column}
    return lane.start in starts


def _passing(around: Sequence[Lane], place: int) -> str:
    """Return what the lanes show beside the parts of a part."""
    return "".join(
        f"{_LINE} " if any(lane.start < place < lane.end and lane.column == column for lane in around) else "  "
        for column in reversed(range(columns_of(around)))
    )


def _block_rows(node: Branch, margin: str, depth: int) -> Iterator[_Row]:
    """Yield the rows of blocks in a row: with the figures of one above, of all below; of those that are as earlier ones
    a single row.
    """
    assert node.fold is not None
    times, step = node.times, node.step
    one = _Row(f"{margin}{_OPEN}", node.title, step.symbols, step.shape, node.parameters, node.flops, path=node.path)
    every = (times * node.parameters, times * node.flops)
    if depth < BLOCK_DEPTH or not node.fold.drawn:
        yield one._replace(lines=f"{margin}  {_STEP} ", parameters=every[0], flops=every[1])
        return
    yield one._replace(bold=True)
    yield from _rows(node.parts, f"{margin}{_LINE} ", depth)
    blocks = f"all {count(times)} blocks" if node.fold.whole else f"blocks {node.fold.numbers}"
    yield _Row(margin + _CLOSE, blocks, (), (), *every) if times > 1 else _Row(margin + _CLOSE)
