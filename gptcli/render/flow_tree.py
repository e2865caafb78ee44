"""The flow map as a tree that is drawn: groups with their parts in order, equal blocks folded into one.

Every drawing is made from this form, so all show the same steps with the same lines between them.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from gptcli.architecture.axes import MEANING
from gptcli.architecture.layer_plan import TABLES
from gptcli.architecture.parts.embedding import POSITIONS
from gptcli.architecture.paths import shared_path
from gptcli.render.folds import Fold, block_of, folds, single
from gptcli.reports.flow import FlowBlock, FlowReport, FlowStep

if TYPE_CHECKING:
    from gptcli.reports.trace import TraceReport

INPUT = -1  # stands for what flows into a group; into the network, for the token ids
BLOCK_DEPTH = 2  # from which the block is opened; from the next on, attention and feed forward
_IDS = "ids"
_BESIDE = frozenset({POSITIONS, *TABLES})  # what every layer takes beside the stream; no line is drawn for it


class Branch(NamedTuple):
    """A step, a group of steps, or blocks in a row.

    Attributes:
        step: what is drawn; of blocks, the last step, whose output is theirs.
        label: the words people read.
        path: where it stands; in a block that stands for others, with the numbers of them all.
        parameters: of the step or of all steps below it, once.
        flops: likewise, of a forward pass.
        sources: which of its siblings it reads, by their places; ``INPUT`` for the group's own input.
        parts: what a group is made of; of blocks, the parts of the one that is drawn.
        fold: the blocks it stands for, or None.
        times: how often it stands there with these figures.
    """

    step: FlowStep
    label: str
    path: str
    parameters: int
    flops: int
    sources: tuple[int, ...]
    parts: "tuple[Branch, ...]" = ()
    fold: Fold | None = None
    times: int = 1

    @property
    def title(self) -> str:
        """The words for all that it stands for: ``12 x Transformer block``."""
        return self.fold.title if self.fold is not None else self.label


class Lane(NamedTuple):
    """A line beside the main one: from the output of one part, past its neighbours, into another.

    Attributes:
        start: the part that it leaves, or ``INPUT``.
        end: the part that it joins.
        splits: whether the main line goes on below its start; if not, it is the only way from there.
        column: how many lines it has at most between itself and the main one.
    """

    start: int
    end: int
    splits: bool
    column: int = 0


def flow_tree(report: "FlowReport | TraceReport", only: Sequence[int] | None = None) -> tuple[Branch, ...]:
    """Return the parts of the network in order of execution.

    Args:
        report: the steps.
        only: the blocks that are drawn, each by itself; None for all of them, folded.
    """
    at_top = [step for step in report.steps if step.parent is None]
    blocks = [list(steps) for block, steps in groupby(report.steps, key=_block) if block is not None]
    found = folds(report.blocks) if only is None else [single(report.blocks, number) for number in only]
    in_blocks = {step.path for steps in blocks for step in steps}
    before = next(place for place, step in enumerate(at_top) if in_blocks & set(step.reads))
    places = {step.path: place if place < before else place + len(found) for place, step in enumerate(at_top)}
    places |= dict.fromkeys(in_blocks, before + len(found) - 1) | {_IDS: INPUT}
    nodes = [_node(step, step.path, places, report.steps) for step in at_top]
    entry = tuple(places[read] for read in blocks[0][0].reads)
    drawn = [_folded(fold, blocks, report.blocks) for fold in found]
    drawn = [
        node._replace(sources=(place - 1,) if place > before else entry) for place, node in enumerate(drawn, before)
    ]
    return (*nodes[:before], *drawn, *nodes[before:])


def _block(step: FlowStep) -> int | None:
    return step.block


def _folded(fold: Fold, blocks: Sequence[Sequence[FlowStep]], runs: Sequence[FlowBlock]) -> Branch:
    """Return blocks in a row: with the parts and figures of one, or with the figures of all and no parts."""
    if not fold.drawn:
        inside = [run for run in runs if fold.first <= run.first < fold.first + fold.times]
        parameters, flops = (
            sum(run.times * run.parameters for run in inside),
            sum(run.times * run.flops for run in inside),
        )
        return Branch(blocks[fold.first + fold.times - 1][-1], fold.label, fold.path, parameters, flops, (), (), fold)
    steps, run = blocks[fold.first], block_of(runs, fold.first)
    parts = [step for step in steps if step.parent == steps[0].parent]
    nodes = tuple(_node(step, shared_path(step.path, fold.path), _places(parts), steps) for step in parts)
    return Branch(parts[-1], fold.label, fold.path, run.parameters, run.flops, (), nodes, fold, fold.times)


def _node(step: FlowStep, path: str, places: dict[str, int], steps: Sequence[FlowStep]) -> Branch:
    """Return a step with its parts.

    Args:
        step: what it stands for.
        path: where it is shown to stand.
        places: which part of its group gives what a path gives; what has no place comes from outside the network.
        steps: those it may be made of.
    """
    sources = tuple(dict.fromkeys(places[read] for read in step.reads if read in places and read not in _BESIDE))
    below = [each for each in steps if each.parent == step.path]
    parts = tuple(_node(each, f"{path}.{each.path.rpartition('.')[2]}", _places(below), steps) for each in below)
    return Branch(step, step.label, path, step.parameters, step.flops, sources, parts)


def _places(parts: Sequence[FlowStep]) -> dict[str, int]:
    """Return the place of each part; whatever else they read is the group's input."""
    outside = {path: INPUT for step in parts for path in step.reads if path not in _BESIDE}
    return outside | {step.path: place for place, step in enumerate(parts)}


def lanes(parts: Sequence[Branch]) -> list[Lane]:
    """Return the lines between parts that do not stand one after the other: shortcuts, and ways around.

    Lines from one part are one line with several ends. Those that pass the same parts stand in columns of their own,
    the shorter nearer to the main line.
    """
    found = []
    for end, part in enumerate(parts):
        for start in part.sources:
            if start != end - 1:
                splits = start + 1 < len(parts) and start in parts[start + 1].sources
                found.append(Lane(start, end, splits))
    columns = _columns(found)
    return [lane._replace(column=columns[lane.start]) for lane in found]


def columns_of(around: Sequence[Lane]) -> int:
    """Return how many columns lines take."""
    return max((lane.column + 1 for lane in around), default=0)


def _columns(around: Sequence[Lane]) -> dict[int, int]:
    """Give each start the column of its line."""
    ends = {lane.start: max(each.end for each in around if each.start == lane.start) for lane in around}
    splits = {lane.start: lane.splits for lane in around}
    given: dict[int, int] = {}
    for start in sorted(ends, key=lambda each: (ends[each] - each, each)):
        taken = {
            given[other]
            for other in given
            if max(start, other) < min(ends[start], ends[other])
            or (ends[other] == start and not splits[start])
            or (ends[start] == other and not splits[other])
        }
        given[start] = next(column for column in range(len(given) + 1) if column not in taken)
    return given


def symbol_values(report: "FlowReport | TraceReport") -> dict[str, list[int]]:
    """Return the values of each symbol: several where blocks differ in it."""
    values = {symbol: [size] for symbol, size in report.sizes.items()}
    firsts = {block.path: block.first for block in reversed(report.blocks)} if len(report.blocks) > 1 else {}
    shown = set(firsts.values())
    for step in report.steps:
        if step.block in shown:
            for symbol, size in zip(step.symbols, step.shape, strict=True):
                if symbol in MEANING and size not in values.setdefault(symbol, []):
                    values[symbol].append(size)
    return values


def axes_in(symbols: Iterable[str]) -> set[str]:
    """Return the axes that shapes are written with: ``3C`` has C, ``(H + 2G)D`` has H, G and D."""
    return {axis for symbol in symbols for axis in symbol if axis.isalpha()}
