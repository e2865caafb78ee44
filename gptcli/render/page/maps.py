"""The three levels of zoom: a panel for the network, one for each kind of block, one for each group in it.

A part takes four rows of the grid: two for the gap above it, where a line can leave the main one between them, and two
for its box, so that a line comes into the middle of its side. All is laid out by the style sheet: nothing is measured.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gptcli.render.flow_tree import INPUT, Branch, Lane, columns_of, flow_tree, lanes
from gptcli.render.folds import Fold
from gptcli.render.page.facts import kinds_of, shape, signed, template
from gptcli.render.page.markup import Html, tag
from gptcli.render.page.words import kind_of
from gptcli.render.units import count, short_count, symbol_text
from gptcli.reports.flow import FlowReport
from gptcli.reports.trace import TraceReport

_BESIDE = 2.0  # rem that lines beside the boxes have
_TRACKS = 4


class Panel(NamedTuple):
    """A level of zoom.

    Attributes:
        name: of the panel, by which the page speaks of it.
        title: what it shows.
        heading: the same, with the numbers of the blocks that it is true of.
        entry: what flows into it.
        parts: its boxes.
        parent: the panel with the box that it enlarges, or None.
        fold: the blocks of which it shows one, or None.
    """

    name: str
    title: str
    heading: str
    entry: str
    parts: Sequence[Branch]
    parent: "Panel | None" = None
    fold: Fold | None = None

    @property
    def level(self) -> int:
        """1, 2 or 3."""
        return 1 if self.parent is None else self.parent.level + 1


def panels_of(report: FlowReport | TraceReport) -> list[Panel]:
    """Return the network, one panel of each kind of block, and one of each group in it."""
    parts = flow_tree(report)
    ids = f"Token ids  (B, T) = {shape((report.batch_size, report.seq_len))}"
    model = Panel("model", "Model", "The whole network", ids, parts)
    kinds = kinds_of(report)
    blocks = [
        _block_panel(node, node.fold, sum(times for _, times in kinds[node.fold.kind]), model)
        for node in parts
        if node.fold is not None and node.fold.drawn
    ]
    groups = [_group_panel(node, block) for block in blocks for node in block.parts if node.parts]
    return [model, *blocks, *groups]


def _block_panel(node: Branch, fold: Fold, amount: int, model: Panel) -> Panel:
    """Return the panel of a kind of block, of which there are so many."""
    entry = "The block before" if fold.first else "The embeddings, or the block before"
    number = count(fold.first)
    title = fold.label if fold.whole else f"{fold.label}, as {number}" if amount > 1 else f"{fold.label} {number}"
    one = f"{fold.label}, one of {count(amount)}{'' if fold.whole else f' as block {number}'}"
    heading = one if fold.whole or amount > 1 else title
    return Panel(_name(node, fold), title, heading, entry, node.parts, model, fold)


def _group_panel(node: Branch, block: Panel) -> Panel:
    fold = block.fold
    assert fold is not None
    where = "" if fold.whole else f", as in block {count(fold.first)}"
    entry = block.parts[node.sources[0]].label
    return Panel(_name(node, fold), node.label, f"{node.label}{where}", entry, node.parts, block, fold)


def _name(node: Branch, fold: Fold) -> str:
    """Return the name of the panel that enlarges a node, with a number where another kind of block has one too."""
    name = "block" if node.fold is not None else node.path.rpartition(".")[2]
    return name if fold.whole else f"{name}-{fold.first}"


def explorer(report: FlowReport | TraceReport) -> Html:
    """Return the panels, the buttons that choose one, and the place for the facts of a step."""
    panels = panels_of(report)
    return tag(
        "div",
        tag(
            "div",
            tag("div", *(_level(panel) for panel in panels), class_="levels", role="group", aria_label="Zoom level"),
            _blocks(report) if isinstance(report, TraceReport) else None,
            class_="controls needs-script",
        ),
        tag(
            "div",
            tag("div", *(_panel(panel, report) for panel in panels), class_="panels"),
            tag("aside", class_="detail needs-script", id="detail", aria_label="The chosen step"),
            class_="stage",
        ),
        class_="explorer",
        id="explorer",
    )


def _level(panel: Panel) -> Html:
    zoom = tag("span", f"{panel.level}\u00d7", class_="zoom", aria_hidden="true")
    return tag("button", zoom, panel.title, type="button", data_zoom=panel.name, aria_pressed="false")


def _blocks(report: TraceReport) -> Html | None:
    last = report.blocks[-1].first + report.blocks[-1].times - 1
    if not last:
        return None
    return tag(
        "div",
        tag("label", "Figures of block", for_="block"),
        tag("button", "\u2212", type="button", id="block-before", aria_label="Block before"),
        tag("input", type="number", id="block", min=0, max=last, value=0, inputmode="numeric"),
        tag("button", "+", type="button", id="block-after", aria_label="Next block"),
        tag("span", f"of 0 to {count(last)}", class_="quiet"),
        class_="blocks",
    )


def _panel(panel: Panel, report: FlowReport | TraceReport) -> Html:
    around = lanes(panel.parts)
    decoration = [html for lane in around for html in _lane(lane, columns_of(around))]
    arrows = [
        tag("span", class_=f"arrow a{place}") for place, node in enumerate(panel.parts) if place - 1 in node.sources
    ]
    boxes = (_box(node, place, panel, report) for place, node in enumerate(panel.parts))
    return tag(
        "section",
        tag("h3", panel.heading, id=f"title-{panel.name}", tabindex=-1),
        tag("p", panel.entry, class_="entry"),
        tag(
            "div",
            tag("div", *decoration, *arrows, class_="lines", aria_hidden="true"),
            tag("ol", *boxes, role="list"),
            class_="map" if around else "map straight",
        ),
        class_="panel",
        data_panel=panel.name,
        data_level=panel.level,
        data_parent=panel.parent.name if panel.parent else None,
        data_kind=panel.fold.kind if panel.fold else None,
        aria_labelledby=f"title-{panel.name}",
    )


def _lane(lane: Lane, columns: int) -> Iterator[Html]:
    """Yield the line around, and where it leaves the main line the piece between the two."""
    column = f" {_column_class(lane, columns)}" if columns > 1 else ""
    yield tag("span", class_=f"lane {'shortcut ' if lane.splits else ''}{_lane_class(lane)}{column}")
    if lane.splits:
        yield tag("span", class_=f"fork f{lane.start + 1}")


def _column_class(lane: Lane, columns: int) -> str:
    return f"c{lane.column}of{columns}"


def _lane_class(lane: Lane) -> str:
    start = "in" if lane.start == INPUT else str(lane.start)
    return f"l{start}-{lane.end}"


def _box(node: Branch, place: int, panel: Panel, report: FlowReport | TraceReport) -> Html:
    step, fold = node.step, node.fold or panel.fold
    path, opens = _picked(node, report), _name(node, fold) if node.parts and fold is not None else None
    pick = tag(
        "button",
        tag("span", signed(node.title), class_="label"),
        tag("span", f"{symbol_text(step.symbols)} = {shape(step.shape)}", class_="shape"),
        tag("span", _sums(node), class_="sums"),
        tag("span", class_="deviation needs-script", data_deviation=path) if isinstance(report, TraceReport) else None,
        type="button",
        class_="pick",
        data_pick=path,
        data_opens=opens,
    )
    zoom = tag("button", "Zoom in", tag("span", f" to {node.label}", class_="unseen"), type="button", class_="open",
               data_zoom=opens) if opens else None  # fmt: skip
    family = kind_of(step.operation).family if node.fold is None else "block"
    stack = " stack" if node.fold is not None and node.fold.times > 1 else ""
    return tag("li", pick, zoom, class_=f"box {family} b{place}{stack}")


def _picked(node: Branch, report: FlowReport | TraceReport) -> str:
    """Return the path of what the page says when a box is chosen."""
    if node.fold is None:
        return template(node.step, report.blocks)
    return node.fold.kind if node.fold.drawn else node.path


def _sums(node: Branch) -> str:
    if node.step.tied_to and not node.parts and node.fold is None:
        return f"weight of {node.step.tied_to}"
    return f"{short_count(node.parameters * node.times)} parameters" if node.parameters else ""


def grid_rules(report: FlowReport | TraceReport) -> str:
    """Return the style rules that put boxes, arrows and lines into their rows of the grid."""
    panels = panels_of(report)
    rules = {}
    for place in range(max(len(panel.parts) for panel in panels)):
        top = _TRACKS * place + 1
        rules[f".b{place}"] = (top + 2, top + 4)
        rules[f".a{place}"] = (top, top + 2)
        rules[f".f{place}"] = (top + 1, top + 2)
    for lane in (lane for panel in panels for lane in lanes(panel.parts)):
        start = _TRACKS * (lane.start + 1) + (2 if lane.splits else 0)
        rules[f".{_lane_class(lane)}"] = (start, _TRACKS * lane.end + 4)
    rows = "".join(f"{selector}{{grid-row:{start}/{end}}}" for selector, (start, end) in rules.items())
    return rows + _column_rules(panels)


def _column_rules(panels: Sequence[Panel]) -> str:
    """Return the rules that put lines which pass the same boxes beside each other."""
    found = {}
    for around in (lanes(panel.parts) for panel in panels):
        columns = columns_of(around)
        for lane in around if columns > 1 else ():
            found[_column_class(lane, columns)] = _BESIDE * (columns - 1 - lane.column) / columns
    return "".join(f".lane.{name}{{margin-left:{0.3 + indent:.3g}rem}}" for name, indent in sorted(found.items()))


def legend(families: dict[str, str]) -> Html:
    """Return what the colours mean."""
    entries = (tag("li", tag("span", class_=f"swatch {family}"), words) for family, words in families.items())
    return tag("ul", *entries, class_="legend", aria_label="Colours")
