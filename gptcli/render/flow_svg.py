"""The flow map as an SVG picture that needs nothing else: the network, beside it the block, beside that its parts.

Every column enlarges a box of the one before it. Light and dark follow the reader's setting.
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from gptcli.architecture.axes import MEANING
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
from gptcli.render.folds import one_of
from gptcli.render.tokens import visible_token
from gptcli.render.units import count, shape, short_flops, symbol_text
from gptcli.reports.flow import FlowReport

_BOX_WIDTH, _BOX_HEIGHT, _GAP = 440, 54, 20
_LANE, _LANE_RADIUS = 26, 12  # how far beside the boxes a line passes, and how round its corners are
_PANEL_PAD, _TITLE_HEIGHT, _ENTRY = 18, 40, 26
_COLUMN_GAP, _MARGIN, _HEAD = 76, 36, 128
_PANEL_WIDTH = _BOX_WIDTH + 2 * _PANEL_PAD + _LANE
_LEGEND_LINE = 26
_MAX_CHIPS = 24
_CHIP_COLOURS = 4

# Class -> its fill and its stroke in light and in dark. No variables of CSS: programs for slides do not know them.
_COLOURS = {
    "paper": (("#ffffff", "none"), ("#12161d", "none")),
    "panel": (("#f4f6f9", "#c9d1dc"), ("#1a202a", "#3a4554")),
    "box": (("#ffffff", "#6b7686"), ("#232b37", "#8d99a9")),
    "own": (("#e3eefc", "#4a7fc1"), ("#1d3554", "#6ea3e0")),
    "sum": (("#fdeccf", "#c27c0e"), ("#4a360f", "#e3a545")),
    "line": (("none", "#4a5565"), ("none", "#9aa7b8")),
    "zoom": (("none", "#9aa5b4"), ("none", "#56627a")),
    "arrow": (("#4a5565", "none"), ("#9aa7b8", "none")),
    "ink": (("#1c2330", "none"), ("#e8edf4", "none")),
    "quiet": (("#566070", "none"), ("#a9b5c4", "none")),
    "chip0": (("#cdeef5", "none"), ("#14505c", "none")),
    "chip1": (("#f8e9b0", "none"), ("#5c4b0d", "none")),
    "chip2": (("#d3f0cf", "none"), ("#24521d", "none")),
    "chip3": (("#f4d4ec", "none"), ("#5b2750", "none")),
}
_SHAPES = """
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.title { font-weight: 600; }
.end { text-anchor: end; }
.box { stroke-width: 1.5; }
.line { stroke-width: 2; }
.zoom { stroke-width: 2; stroke-dasharray: 5 5; }
"""


def _rules(dark: int) -> str:
    rows = ((name, *colours[dark]) for name, colours in _COLOURS.items())
    return "\n".join(f".{name} {{ fill: {fill}; stroke: {stroke}; }}" for name, fill, stroke in rows)


_STYLE = f"{_SHAPES}{_rules(0)}\n@media (prefers-color-scheme: dark) {{\n{_rules(1)}\n}}\n"

_DEFINITIONS = (
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6" markerHeight="6" '
    'orient="auto-start-reverse"><path class="arrow" d="M0 0 10 5 0 10z"/></marker></defs>'
)


class _Panel(NamedTuple):
    """A column's frame: the parts of one group, and the point that its zoom lines come from."""

    title: str
    parts: Sequence[Branch]
    x: int
    y: int
    opens: Sequence[bool]  # whether another panel enlarges a part
    zoomed_from: tuple[int, int, int] | None = None  # right edge, top and bottom of the box that it enlarges

    @property
    def height(self) -> int:
        return _TITLE_HEIGHT + _ENTRY + len(self.parts) * (_BOX_HEIGHT + _GAP) - _GAP + _PANEL_PAD

    @property
    def left(self) -> int:
        """The left edge of its boxes."""
        return self.x + _PANEL_PAD + _LANE

    def top(self, place: int) -> int:
        """Return the upper edge of a box."""
        return self.y + _TITLE_HEIGHT + _ENTRY + place * (_BOX_HEIGHT + _GAP)

    def box_of(self, place: int) -> tuple[int, int, int]:
        """Return the right edge, top and bottom of a box."""
        return self.left + _BOX_WIDTH, self.top(place), self.top(place) + _BOX_HEIGHT


def draw(report: FlowReport, depth: int) -> str:
    """Return a picture whose text is escaped.

    Args:
        report: the steps.
        depth: 1 draws the network, 2 the block beside it, 3 attention and feed forward beside that.
    """
    assert report.config is not None
    panels = _panels(report, depth)
    width = max(panel.x for panel in panels) + _PANEL_WIDTH + _MARGIN
    height = max(_bottom(panels[0]) + _legend_height(panels), *map(_bottom, panels)) + _MARGIN
    name = escape(report.config.name)
    what = f"{count(report.parameters)} parameters, {short_flops(report.forward_flops)} a forward pass"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-labelledby="title desc">',
        f'<title id="title">{name}: from token ids to logits</title>',
        f'<desc id="desc">{escape(what)}. {escape(_description(panels[0].parts))}</desc>',
        f"<style>{_STYLE}</style>",
        _DEFINITIONS,
        f'<rect class="paper" width="{width}" height="{height}"/>',
        _text(_MARGIN, 52, report.config.name, "ink title", 30, width - 2 * _MARGIN),
        _text(width - _MARGIN, 52, what, "quiet end", 18, width // 2),
        *_tokens(report, width),
        *(_frame(panel) for panel in panels),
        *(line for panel in panels for line in _zoom(panel)),
        *(line for panel in panels for line in _parts(panel)),
        *_legend(report, panels),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _description(parts: Sequence[Branch]) -> str:
    return ", then ".join(f"{node.title} {shape(node.step.shape)}" for node in parts)


def _panels(report: FlowReport, depth: int) -> list[_Panel]:
    """Lay the columns out from left to right."""
    parts = flow_tree(report)
    wanted = [node.fold is not None and node.fold.drawn and depth >= BLOCK_DEPTH for node in parts]
    network = _Panel(f"GPT: {_given(report)}", parts, _MARGIN, _HEAD, wanted)
    panels = [network]
    for place, block in enumerate(parts):
        if wanted[place] and block.fold is not None:
            y = _HEAD if len(panels) == 1 else max(map(_bottom, panels[1:])) + _GAP
            panels += _opened(block, one_of(block.fold), _beside(network), y, network.box_of(place), depth)
    return panels


def _opened(
    block: Branch, title: str, x: int, y: int, zoomed_from: tuple[int, int, int], depth: int
) -> Iterator[_Panel]:
    """Yield the panel of a block, and beside it those of its groups where the depth opens them."""
    wanted = [bool(node.parts) and depth > BLOCK_DEPTH for node in block.parts]
    middle = _Panel(title, block.parts, x, y, wanted, zoomed_from)
    yield middle
    for place, node in enumerate(block.parts):
        if wanted[place]:
            found = _Panel(node.label, node.parts, _beside(middle), y, [False] * len(node.parts), middle.box_of(place))
            yield found
            y += found.height + _GAP


def _beside(panel: _Panel) -> int:
    return panel.x + _PANEL_WIDTH + _COLUMN_GAP


def _given(report: FlowReport) -> str:
    return f"token ids (B, T) = {shape((report.batch_size, report.seq_len))}"


def _tokens(report: FlowReport, width: int) -> Iterator[str]:
    """Yield the first text's tokens as chips, as many as there is room for."""
    x, y, size = _MARGIN, 72, 18
    tokens = report.text_tokens[0] if report.text_tokens else []
    for number, token in enumerate(tokens[:_MAX_CHIPS]):
        words = visible_token(token)
        chip = round(len(words) * size * 0.62) + 14
        if x + chip > width - _MARGIN - 40:
            yield _text(x, y + 22, "...", "quiet", size)
            return
        yield f'<rect class="chip{number % _CHIP_COLOURS}" x="{x}" y="{y}" width="{chip}" height="30" rx="6"/>'
        yield _text(x + 7, y + 21, words, "ink code", size, chip - 10)
        x += chip + 4


def _zoom(panel: _Panel) -> Iterator[str]:
    """Yield the lines from the corners of a box to those of the panel that enlarges it."""
    if panel.zoomed_from is not None:
        right, top, bottom = panel.zoomed_from
        yield f'<path class="zoom" d="M{right} {top}L{panel.x} {panel.y}M{right} {bottom}L{panel.x} {_bottom(panel)}"/>'


def _bottom(panel: _Panel) -> int:
    return panel.y + panel.height


def _frame(panel: _Panel) -> str:
    return f'<rect class="panel" x="{panel.x}" y="{panel.y}" width="{_PANEL_WIDTH}" height="{panel.height}" rx="12"/>'


def _parts(panel: _Panel) -> Iterator[str]:
    yield _text(panel.left, panel.y + 30, panel.title, "ink title", 18, _BOX_WIDTH)
    around = lanes(panel.parts)
    for lane in around:
        yield from _lane(panel, lane, columns_of(around))
    for place, node in enumerate(panel.parts):
        if place - 1 in node.sources:
            yield _arrow(panel, place)
        yield from _box(panel, place, node)


def _middle(panel: _Panel) -> int:
    return panel.left + _BOX_WIDTH // 2


def _arrow(panel: _Panel, place: int) -> str:
    """Return the arrow into a box from the one above it, or from the top of the panel."""
    start = panel.top(place) - (_ENTRY - 8 if place == 0 else _GAP)
    return f'<path class="line" marker-end="url(#arrow)" d="M{_middle(panel)} {start}V{panel.top(place) - 1}"/>'


def _lane(panel: _Panel, lane: Lane, columns: int) -> Iterator[str]:
    """Yield a line that leaves the main one below its start, or its start's side, and comes into its end's side."""
    apart = _LANE // columns
    x, r = panel.left - apart * (lane.column + 1), min(apart, _LANE_RADIUS)
    end = panel.top(lane.end) + _BOX_HEIGHT // 2
    if lane.splits:
        gap = _ENTRY if lane.start == INPUT else _GAP
        start, begin = panel.top(lane.start + 1) - gap // 2 - 2, _middle(panel)
        yield f'<circle class="arrow" cx="{begin}" cy="{start}" r="3.5"/>'
    else:
        start, begin = panel.top(lane.start) + _BOX_HEIGHT // 2, panel.left
    way = f"M{begin} {start}H{x + r}Q{x} {start} {x} {start + r}V{end - r}Q{x} {end} {x + r} {end}H{panel.left - 1}"
    yield f'<path class="line" marker-end="url(#arrow)" d="{way}"/>'


def _box(panel: _Panel, place: int, node: Branch) -> Iterator[str]:
    left, top = panel.left, panel.top(place)
    step, inside, right = node.step, _BOX_WIDTH - 28, panel.left + _BOX_WIDTH - 14
    adds = step.operation == "add" and not node.parts and node.fold is None
    kind = " sum" if adds else " own" if node.parameters or step.tied_to else ""
    own = count(node.times * node.parameters) if node.parameters else f"= {step.tied_to}" if step.tied_to else ""
    flops = short_flops(node.times * node.flops) if node.flops else ""
    figures = (own, flops) if own else (flops, "")
    yield f'<rect class="box{kind}" x="{left}" y="{top}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="8"/>'
    symbols = f"{symbol_text(step.symbols)} = {shape(step.shape)}"
    yield _text(left + 14, top + 22, node.title, "ink title", 17, inside - 120)
    yield _text(left + 14, top + 43, symbols, "ink code", 15, inside - (110 if figures[1] else 0))
    for y, words in zip((22, 43), figures, strict=True):
        if words:
            yield _text(right, top + y, words, "quiet end", 15)
    if panel.opens[place]:
        x = left + _BOX_WIDTH
        yield f'<circle class="arrow" cx="{x}" cy="{top + _BOX_HEIGHT // 2}" r="4"/>'


_KINDS = {"own": "has weights", "sum": "adds", "box": "neither"}
_FIGURES = "at the right of a box: its parameters, its FLOPs"


def _symbols(panels: Sequence[_Panel]) -> list[str]:
    """Return the symbols that occur in the shapes, in the order in which they are explained."""
    shown = axes_in(symbol for panel in panels for node in panel.parts for symbol in node.step.symbols)
    return [symbol for symbol in MEANING if symbol in shown]


def _legend_height(panels: Sequence[_Panel]) -> int:
    return 2 * _GAP + _LEGEND_LINE * (2 + len(_symbols(panels)))


def _legend(report: FlowReport, panels: Sequence[_Panel]) -> Iterator[str]:
    """Yield what the colours and the symbols mean, below the first column."""
    x, y = panels[0].x, _bottom(panels[0]) + 2 * _GAP
    for kind, words in _KINDS.items():
        yield f'<rect class="box {kind}" x="{x}" y="{y - 13}" width="22" height="16" rx="4"/>'
        yield _text(x + 30, y, words, "quiet", 15)
        x += 48 + 8 * len(words)
    y += _LEGEND_LINE
    values = symbol_values(report)
    yield _text(panels[0].x, y, _FIGURES, "quiet", 15)
    for number, symbol in enumerate((each for each in _symbols(panels) if each in values), 1):
        words = f"{symbol} = {' or '.join(map(str, values[symbol]))}"
        yield _text(panels[0].x, y + number * _LEGEND_LINE, words, "ink code", 15)
        yield _text(panels[0].x + 130, y + number * _LEGEND_LINE, MEANING[symbol], "quiet", 15)


def _text(x: int, y: int, words: str, classes: str, size: int, room: int | None = None) -> str:
    """Return a line of text, smaller where it would not fit its room; a character counts as 0.6 of its size."""
    if room is not None and words:
        size = max(6, min(size, int(room / (0.6 * len(words)))))
    return f'<text x="{x}" y="{y}" class="{classes}" font-size="{size}">{escape(words)}</text>'
