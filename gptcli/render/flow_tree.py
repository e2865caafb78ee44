"""The flow map as a tree that is drawn: groups with their parts in order, the blocks folded into one.

Every drawing is made from this form, so all show the same steps with the same lines between them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from gptcli.reports.flow import FlowBlock, FlowReport, FlowStep

if TYPE_CHECKING:
    from gptcli.reports.trace import TraceReport

INPUT = -1  # stands for what flows into a group; into the network, for the token ids
BLOCK_DEPTH = 2  # from which the block is opened; from the next on, attention and feed forward
_IDS = "ids"


class Node(NamedTuple):
    """A step, a group of steps, or the block that stands for all.

    Attributes:
        step: what is drawn; of the block, its last step, whose output is the block's.
        label: the words people read.
        parameters: of the step or of all steps below it.
        flops: likewise, of a forward pass.
        sources: which of its siblings it reads, by their places; ``INPUT`` for the group's own input.
        parts: what a group is made of.
        block: the block it stands for, or None.
    """

    step: FlowStep
    label: str
    parameters: int
    flops: int
    sources: tuple[int, ...]
    parts: "tuple[Node, ...]" = ()
    block: FlowBlock | None = None


class Lane(NamedTuple):
    """A line beside the main one: from the output of one part, past its neighbours, into another.

    Attributes:
        start: the part that it leaves, or ``INPUT``.
        end: the part that it joins.
        splits: whether the main line goes on below its start; if not, it is the only way from there.
    """

    start: int
    end: int
    splits: bool


def flow_tree(report: "FlowReport | TraceReport", block: int = 0) -> tuple[Node, ...]:
    """Return the parts of the network in order of execution, one block standing for all of them."""
    at_top = [step for step in report.steps if step.parent is None]
    folded = _block(report, block)
    in_blocks = {step.path for step in report.steps if step.block is not None}
    first_after = next(place for place, step in enumerate(at_top) if in_blocks & set(step.reads))
    places = {step.path: place + (place >= first_after) for place, step in enumerate(at_top)}
    places |= dict.fromkeys(in_blocks, first_after)
    nodes = [_node(step, places | {_IDS: INPUT}, report.steps) for step in at_top]
    reads = next(step.reads for step in report.steps if step.block == 0)
    folded = folded._replace(sources=tuple(places[path] for path in reads))
    return (*nodes[:first_after], folded, *nodes[first_after:])


def _block(report: "FlowReport | TraceReport", index: int) -> Node:
    inside = [step for step in report.steps if step.block == index]
    parts = [step for step in inside if step.parent == inside[0].parent]
    nodes = tuple(_node(step, _places(parts), inside) for step in parts)
    block = report.block
    return Node(parts[-1], block.label, block.parameters, block.flops, (), nodes, block)


def _node(step: FlowStep, places: dict[str, int], steps: Sequence[FlowStep]) -> Node:
    """Return a step with its parts.

    Args:
        step: what it stands for.
        places: which part of its group gives what a path gives; what has no place comes from outside the network.
        steps: those it may be made of.
    """
    sources = tuple(dict.fromkeys(places[path] for path in step.reads if path in places))
    below = [each for each in steps if each.parent == step.path]
    parts = tuple(_node(each, _places(below), steps) for each in below)
    return Node(step, step.label, step.parameters, step.flops, sources, parts)


def _places(parts: Sequence[FlowStep]) -> dict[str, int]:
    """Return the place of each part; whatever else they read is the group's input."""
    outside = {path: INPUT for step in parts for path in step.reads}
    return outside | {step.path: place for place, step in enumerate(parts)}


def lanes(parts: Sequence[Node]) -> list[Lane]:
    """Return the lines between parts that do not stand one after the other: shortcuts, and ways around."""
    found = []
    for end, part in enumerate(parts):
        for start in part.sources:
            if start != end - 1:
                splits = start + 1 < len(parts) and start in parts[start + 1].sources
                found.append(Lane(start, end, splits))
    return found
