"""The three levels of zoom: a panel for the network, one for the block, one for each group; lines and boxes in a grid.

A part takes four rows of the grid: two for the gap above it, where a line can leave the main one between them, and two
for its box, so that a line comes into the middle of its side. All is laid out by the style sheet: nothing is measured.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gptcli.render.flow_tree import INPUT, Lane, Node, flow_tree, lanes
from gptcli.render.page.facts import shape, template
from gptcli.render.page.markup import Html, tag
from gptcli.render.page.words import kind_of
from gptcli.render.units import count, short_count, symbol_text
from gptcli.reports.flow import FlowReport
from gptcli.reports.trace import TraceReport

_TRACKS = 4


class Panel(NamedTuple):
    """A level of zoom.

    Attributes:
        name: of the panel, by which the page speaks of it.
        level: 1, 2 or 3.
        title: what it shows.
        entry: what flows into it.
        parts: its boxes.
    """

    name: str
    level: int
    title: str
    entry: str
    parts: Sequence[Node]


def panels_of(report: FlowReport | TraceReport) -> list[Panel]:
    """Return the network, the block, and its groups."""
    parts = flow_tree(report)
    ids = f"Token ids  (B, T) = {shape((report.batch_size, report.seq_len))}"
    block = next(node for node in parts if node.block is not None)
    groups = [node for node in block.parts if node.parts]
    return [
        Panel("model", 1, "Model", ids, parts),
        Panel("block", 2, block.label, "The embeddings, or the block before", block.parts),
        *(Panel(_name(node), 3, node.label, block.parts[node.sources[0]].label, node.parts) for node in groups),
    ]


def _name(node: Node) -> str:
    return node.step.path.rpartition(".")[2]


def explorer(report: FlowReport | TraceReport) -> Html:
    """Return the panels, the buttons that choose one, and the place for the facts of a step."""
    panels = panels_of(report)
    return tag(
        "div",
        tag(
            "div",
            tag("div", *(_level(panel) for panel in panels), class_="levels", role="group", aria_label="Zoom level"),
            _blocks(report) if isinstance(report, TraceReport) and report.block.times > 1 else None,
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


def _blocks(report: TraceReport) -> Html:
    last = report.block.times - 1
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
    title = f"{panel.title}, one of {count(report.block.times)}" if panel.name == "block" else panel.title
    heading = tag("h3", title, id=f"title-{panel.name}", tabindex=-1)
    if panel.name == "model":
        heading = tag("h3", "The whole network", id="title-model", tabindex=-1)
    decoration = [html for lane in around for html in _lane(lane)]
    arrows = [
        tag("span", class_=f"arrow a{place}") for place, node in enumerate(panel.parts) if place - 1 in node.sources
    ]
    return tag(
        "section",
        heading,
        tag("p", panel.entry, class_="entry"),
        tag(
            "div",
            tag("div", *decoration, *arrows, class_="lines", aria_hidden="true"),
            tag("ol", *(_box(node, place, report) for place, node in enumerate(panel.parts)), role="list"),
            class_="map" if around else "map straight",
        ),
        class_="panel",
        data_panel=panel.name,
        data_level=panel.level,
        aria_labelledby=f"title-{panel.name}",
    )


def _lane(lane: Lane) -> Iterator[Html]:
    """Yield the line around, and where it leaves the main line the piece between the two."""
    yield tag("span", class_=f"lane {'shortcut ' if lane.splits else ''}{_lane_class(lane)}")
    if lane.splits:
        yield tag("span", class_=f"fork f{lane.start + 1}")


def _lane_class(lane: Lane) -> str:
    start = "in" if lane.start == INPUT else str(lane.start)
    return f"l{start}-{lane.end}"


def _box(node: Node, place: int, report: FlowReport | TraceReport) -> Html:
    step = node.step
    is_block = node.block is not None
    path = report.block.path if is_block else template(step.path, step.block)
    label = f"{count(report.block.times)} \u00d7 {node.label}" if is_block else node.label
    kind = kind_of(node.step.operation)
    opens = "block" if is_block else _name(node) if node.parts else None
    times = report.block.times if is_block else 1
    pick = tag(
        "button",
        tag("span", label, class_="label"),
        tag("span", f"{symbol_text(step.symbols)} = {shape(step.shape)}", class_="shape"),
        tag("span", _sums(node, times), class_="sums"),
        tag("span", class_="deviation needs-script", data_deviation=path) if isinstance(report, TraceReport) else None,
        type="button",
        class_="pick",
        data_pick=path,
        data_opens=opens,
    )
    zoom = tag("button", "Zoom in", tag("span", f" to {node.label}", class_="unseen"), type="button", class_="open",
               data_zoom=opens) if opens else None  # fmt: skip
    family = "block" if is_block else kind.family
    return tag("li", pick, zoom, class_=f"box {family} b{place}{' stack' if is_block and times > 1 else ''}")


def _sums(node: Node, times: int) -> str:
    if node.step.tied_to and not node.parts and node.block is None:
        return f"weight of {node.step.tied_to}"
    return f"{short_count(node.parameters * times)} parameters" if node.parameters else ""


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
    return "".join(f"{selector}{{grid-row:{start}/{end}}}" for selector, (start, end) in rules.items())


def legend(families: dict[str, str]) -> Html:
    """Return what the colours mean."""
    entries = (tag("li", tag("span", class_=f"swatch {family}"), words) for family, words in families.items())
    return tag("ul", *entries, class_="legend", aria_label="Colours")
