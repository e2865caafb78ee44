"""The flow map as Mermaid source, which GitHub draws in Markdown: a box a step, a frame a group, an arrow a read."""

import re
from collections.abc import Iterator, Sequence

from gptcli.render.flow_tree import INPUT, Branch, flow_tree
from gptcli.render.units import count, shape, short_flops, symbol_text
from gptcli.reports.flow import FlowReport

_INDENT = "  "
_IDS = "ids"
_NETWORK = 1  # the depth that shows the network's own parts


def draw(report: FlowReport, depth: int) -> str:
    """Return a flowchart from top to bottom.

    Args:
        report: the steps.
        depth: as of the text.
    """
    assert report.config is not None
    name = f"{report.config.name}: {count(report.parameters)} parameters, {short_flops(report.forward_flops)}"
    ids = _box(_IDS, ["token ids", f"{symbol_text(('B', 'T'))} = {shape((report.batch_size, report.seq_len))}"])
    parts = flow_tree(report)
    # Arrows after all boxes: one that stands in a frame would pull both of its ends into it.
    lines = [ids, *_boxes(parts, depth, _NETWORK), *_arrows(parts, _IDS, depth, _NETWORK)]
    return "\n".join([f"%% {_quoted(name)}", "flowchart TB", *(_INDENT + line for line in lines)]) + "\n"


def _boxes(parts: Sequence[Branch], depth: int, level: int) -> Iterator[str]:
    for node in parts:
        if _is_open(node, depth, level):
            yield f'subgraph {_identifier(node)}["{_quoted(node.title)}"]'
            yield from (_INDENT + line for line in _boxes(node.parts, depth, level + 1))
            yield "end"
        else:
            yield _box(_identifier(node), _lines(node))


def _arrows(parts: Sequence[Branch], source: str, depth: int, level: int) -> Iterator[str]:
    """Yield an arrow for everything that a part reads; ``source`` is the box whose output flows into the group."""
    ends = {INPUT: source}
    for place, node in enumerate(parts):
        ends[place] = _last(node, depth, level)
        if _is_open(node, depth, level):
            yield from _arrows(node.parts, ends[node.sources[0]], depth, level + 1)
        else:
            yield from (f"{ends[read]} --> {ends[place]}" for read in node.sources)


def _is_open(node: Branch, depth: int, level: int) -> bool:
    return bool(node.parts) and depth > level


def _last(node: Branch, depth: int, level: int) -> str:
    """Return the box that a part's output comes from."""
    return _last(node.parts[-1], depth, level + 1) if _is_open(node, depth, level) else _identifier(node)


def _identifier(node: Branch) -> str:
    """Return a name that is no word of Mermaid's, from the path."""
    path = node.path if node.fold is not None else node.step.path
    return "step_" + re.sub(r"\W+", "_", path).strip("_")


def _lines(node: Branch) -> list[str]:
    step = node.step
    lines = [node.title, f"{symbol_text(step.symbols)} = {shape(step.shape)}"]
    lines += [f"{count(node.times * node.parameters)} parameters"] if node.parameters else []
    lines += [f"weight = {step.tied_to}"] if step.tied_to else []
    lines += [short_flops(node.times * node.flops)] if node.flops else []
    return lines


def _box(identifier: str, lines: list[str]) -> str:
    return f'{identifier}["{"<br/>".join(map(_quoted, lines))}"]'


def _quoted(text: str) -> str:
    """Return text that can stand between Mermaid's quotation marks, whatever is in it."""
    return re.sub(r"[^\w ,.:()=+/-]", lambda match: f"#{ord(match[0])};", text)
