"""What the page's script reads: for each step the words that are shown, and of a run the figures of every block."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture.paths import path_of_layer, shared_path
from gptcli.render.flow_tree import Branch, flow_tree
from gptcli.render.folds import block_of
from gptcli.render.page.words import kind_of
from gptcli.render.step_figures import figure, mean_figure, zero_share
from gptcli.render.units import binary, count, short_flops, short_seconds, symbol_text
from gptcli.render.units import shape as plain_shape
from gptcli.reports.block import Block
from gptcli.reports.flow import FlowReport, FlowStep
from gptcli.reports.trace import TraceReport, TraceStep

_NANOSECONDS = 10**9
_BEFORE = "The block before"


class StepFacts(Struct, frozen=True, omit_defaults=True):
    """A step in words; one in a block stands for those of every block of its kind, as its path says."""

    path: str
    label: str
    family: str
    sentence: str
    formula: str
    symbols: str
    shape: str
    bytes: str
    reads: list[str]
    weights: list[str]
    parameters: str = ""
    flops: str = ""
    repeated: bool = False
    group: bool = False


class Figures(Struct, frozen=True, omit_defaults=True, rename={"numbers": "n", "words": "w", "bad": "b"}):
    """What a step did in the run.

    Attributes:
        numbers: mean, deviation, least, largest; empty where one of them is not finite.
        words: the same for people, then the share of zeros and the time.
        bad: what was found that is not finite.
        note: what the figures leave out.
    """

    numbers: list[float]
    words: list[str]
    bad: str = ""
    note: str = ""


class KindFacts(Struct, frozen=True):
    """All blocks that are alike.

    Attributes:
        block: what the words say of one as a whole; its figures are under its path, those of its last step.
        runs: the first number and how many, of those in a row.
    """

    block: StepFacts
    runs: list[tuple[int, int]]


class Facts(Struct, frozen=True):
    """All of it.

    Attributes:
        blocks: how many there are.
        kinds: of blocks, in the order in which they first stand.
        again: blocks in a row that are as earlier ones, and that the map has as one box.
        steps: in order of execution, those of the first block of each kind standing for all of it.
        figures: by path, of every block; empty without a run.
    """

    blocks: int
    kinds: list[KindFacts]
    again: list[StepFacts]
    steps: list[StepFacts]
    figures: dict[str, Figures]


def facts_of(report: FlowReport | TraceReport) -> Facts:
    """Return what the script reads."""
    traced = [step for step in report.steps if isinstance(step, TraceStep)]
    words = _Words(report)
    again = [node for node in flow_tree(report) if node.fold is not None and not node.fold.drawn]
    return Facts(
        blocks=sum(block.times for block in report.blocks),
        kinds=[KindFacts(words.block(path), runs) for path, runs in kinds_of(report).items()],
        again=[words.again(node) for node in again],
        steps=[words.step(step) for step in shown_once(report)],
        figures={step.path: _figures(step) for step in traced} | _block_figures(traced, report, again),
    )


def kinds_of(report: FlowReport | TraceReport) -> dict[str, list[tuple[int, int]]]:
    """Return the kinds of block by their paths: of each the first number and how many, of those in a row."""
    found: dict[str, list[tuple[int, int]]] = {}
    for block in report.blocks:
        found.setdefault(block.path, []).append((block.first, block.times))
    return found


def shown_once(report: FlowReport | TraceReport) -> list[FlowStep]:
    """Return the steps without those of blocks that are as an earlier one."""
    shown = {None, *(runs[0][0] for runs in kinds_of(report).values())}
    return [step for step in report.steps if step.block in shown]


def _block_figures(
    steps: Sequence[TraceStep], report: FlowReport | TraceReport, again: Sequence[Branch]
) -> dict[str, Figures]:
    """Return the figures of each block's last step, with the time of all; and those of blocks that are one box."""
    last = {step.block: step for step in steps if step.block is not None}
    times = Counter[int]()
    for step in steps:
        if step.block is not None and not step.group:
            times[step.block] += round(step.seconds * _NANOSECONDS)
    found = {
        path_of_layer(block_of(report.blocks, block).path, block): _whole(step, times[block])
        for block, step in last.items()
    }
    for fold in (node.fold for node in again if node.fold is not None and steps):
        inside = range(fold.first, fold.first + fold.times)
        found[fold.path] = _whole(last[inside[-1]], sum(times[block] for block in inside))
    return found


def _whole(last: TraceStep, nanoseconds: int) -> Figures:
    return _figures(replace(last, seconds=nanoseconds / _NANOSECONDS))


def template(step: FlowStep, blocks: Sequence[Block]) -> str:
    """Return the path of a step; in a block that of its kind: ``h.3.attn`` -> ``h.{i}.attn``."""
    return step.path if step.block is None else shared_path(step.path, block_of(blocks, step.block).path)


def shape(sizes: Sequence[int]) -> str:
    """``(1, 4, 768)`` -> ``1 x 4 x 768`` with the sign of multiplication."""
    return signed(plain_shape(sizes))


def signed(words: str) -> str:
    """``12 x Transformer block`` with the sign of multiplication."""
    return re.sub(r"(?<=\d )x(?= |\))", "\u00d7", words)


class _Words:
    """The steps of a report in words."""

    def __init__(self, report: FlowReport | TraceReport) -> None:
        self._report = report
        self._kinds = kinds_of(report)
        self._labels = {step.path: step.label for step in report.steps} | {
            "ids": "Token ids",
            "positions": "Positions 0 to T - 1",
        }

    def step(self, step: FlowStep) -> StepFacts:
        kind = kind_of(step.operation)
        return StepFacts(
            path=template(step, self._report.blocks),
            label=step.label,
            family=kind.family,
            sentence=kind.sentence,
            formula=step.formula,
            reads=[self._read(path, step) for path in step.reads],
            weights=_weights(step),
            parameters=self._repeated(step.parameters, count, step.block),
            flops=self._repeated(step.flops, short_flops, step.block),
            repeated=step.block is not None,
            group=step.group,
            symbols=symbol_text(step.symbols),
            shape=shape(step.shape),
            bytes=self._bytes(step),
        )

    def block(self, path: str) -> StepFacts:
        """Return the words on a block of a kind."""
        run = next(each for each in self._report.blocks if each.path == path)
        inside = [step for step in self._report.steps if step.block == run.first]
        return StepFacts(
            path=path,
            label=run.label,
            family="block",
            sentence=kind_of("block").sentence,
            formula="",
            reads=[self._read(path, inside[0]) for path in inside[0].reads],
            weights=[],
            parameters=self._repeated(run.parameters, count, run.first),
            flops=self._repeated(run.flops, short_flops, run.first),
            repeated=True,
            group=True,
            symbols=symbol_text(inside[-1].symbols),
            shape=shape(inside[-1].shape),
            bytes=self._bytes(inside[-1]),
        )

    def again(self, node: Branch) -> StepFacts:
        """Return the words on blocks in a row that are as earlier ones."""
        assert node.fold is not None
        return StepFacts(
            path=node.path,
            label=signed(node.title),
            family="block",
            sentence="These blocks have the parts of the earlier ones, with weights of their own.",
            formula="",
            reads=[_BEFORE],
            weights=[],
            parameters=count(node.parameters) if node.parameters else "",
            flops=short_flops(node.flops) if node.flops else "",
            group=True,
            symbols=symbol_text(node.step.symbols),
            shape=shape(node.step.shape),
            bytes=self._bytes(node.step),
        )

    def _bytes(self, step: FlowStep) -> str:
        return f"{binary(step.bytes)} in {self._report.dtype}"

    def _read(self, path: str, step: FlowStep) -> str:
        own = step.block is None or path.startswith(path_of_layer(self._kind(step.block), step.block) + ".")
        if own:
            return self._labels[path]
        return f"{self._labels[path]}, or the block before" if step.block == 0 else _BEFORE

    def _kind(self, block: int) -> str:
        return block_of(self._report.blocks, block).path

    def _repeated(self, number: int, write: Callable[[int], str], block: int | None) -> str:
        """Return a figure of one block with that of all of its kind, or nothing where it is zero."""
        if not number or block is None:
            return write(number) if number else ""
        times = sum(amount for _, amount in self._kinds[self._kind(block)])
        those = "blocks" if len(self._kinds) == 1 else "blocks like it"
        return f"{write(number)}; in all {count(times)} {those} {write(number * times)}" if times > 1 else write(number)


def _weights(step: FlowStep) -> list[str]:
    own = [f"{name} {shape(sizes)}" for name, sizes in step.weights.items()]
    return [f"{own[0]}, shared with {step.tied_to}"] if step.tied_to and own else own


def _figures(step: TraceStep) -> Figures:
    words = [mean_figure(step), figure(step.std), figure(step.min), figure(step.max)]
    words += [zero_share(step), short_seconds(step.seconds)]
    numbers = [float(f"{each:.4g}") for each in (step.mean, step.std, step.min, step.max) if each is not None]
    note = "Without the minus infinity that the mask puts there." if step.ignored else ""
    return Figures(numbers if len(numbers) == 4 else [], words, step.not_finite or "", note)
