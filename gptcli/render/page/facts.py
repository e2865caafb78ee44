"""What the page's script reads: for each step the words that are shown, and of a run the figures of every block."""

from collections import Counter
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gptcli.render.page.words import kind_of
from gptcli.render.step_figures import figure, mean_figure, zero_share
from gptcli.render.units import binary, count, short_flops, short_seconds, symbol_text
from gptcli.render.units import shape as plain_shape
from gptcli.reports.flow import FlowReport, FlowStep
from gptcli.reports.trace import TraceReport, TraceStep

INDEX = "{i}"
_NANOSECONDS = 10**9


class StepFacts(Struct, frozen=True, omit_defaults=True):
    """A step in words; one in a block stands for those of every block, its paths written with ``{i}``."""

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


class Facts(Struct, frozen=True):
    """All of it.

    Attributes:
        blocks: how many there are.
        block: what the words say of a block as a whole; its figures are under its path, those of its last step.
        steps: in order of execution, those of one block standing for all.
        figures: by path, of every block; empty without a run.
    """

    blocks: int
    block: StepFacts
    steps: list[StepFacts]
    figures: dict[str, Figures]


def facts_of(report: FlowReport | TraceReport) -> Facts:
    """Return what the script reads."""
    traced = [step for step in report.steps if isinstance(step, TraceStep)]
    return Facts(
        blocks=report.block.times,
        block=_block(report),
        steps=[_step(step, report) for step in report.steps if not step.block],
        figures={step.path: _figures(step) for step in traced} | _block_figures(traced, report.block.path),
    )


def _block(report: FlowReport | TraceReport) -> StepFacts:
    inside = [step for step in report.steps if step.block == 0]
    first, last = _step(inside[0], report), _step(inside[-1], report)
    return StepFacts(
        path=report.block.path,
        label=report.block.label,
        family="block",
        sentence=kind_of("block").sentence,
        formula="",
        symbols=last.symbols,
        shape=last.shape,
        bytes=last.bytes,
        reads=first.reads,
        weights=[],
        parameters=_repeated(report.block.parameters, count, inside[0], report),
        flops=_repeated(report.block.flops, short_flops, inside[0], report),
        repeated=True,
        group=True,
    )


def _block_figures(steps: Sequence[TraceStep], path: str) -> dict[str, Figures]:
    """Return the figures of each block's last step, with the time of all."""
    last = {step.block: step for step in steps if step.block is not None}
    times = Counter[int]()
    for step in steps:
        if step.block is not None and not step.group:
            times[step.block] += round(step.seconds * _NANOSECONDS)
    return {
        path.replace(INDEX, str(block)): _figures(replace(step, seconds=times[block] / _NANOSECONDS))
        for block, step in last.items()
    }


def template(path: str, block: int | None) -> str:
    """``h.3.attn`` of block 3 -> ``h.{i}.attn``."""
    return path if block is None else path.replace(f".{block}.", f".{INDEX}.", 1)


def shape(sizes: Sequence[int]) -> str:
    """``(1, 4, 768)`` -> ``1 x 4 x 768`` with the sign of multiplication."""
    return plain_shape(sizes).replace("x", "\u00d7")


def _step(step: FlowStep, report: FlowReport | TraceReport) -> StepFacts:
    kind = kind_of(step.operation)
    labels = {each.path: each.label for each in report.steps} | {
        "ids": "Token ids",
        "positions": "Positions 0 to T - 1",
    }
    return StepFacts(
        path=template(step.path, step.block),
        label=step.label,
        family=kind.family,
        sentence=kind.sentence,
        formula=step.formula,
        symbols=symbol_text(step.symbols),
        shape=shape(step.shape),
        bytes=f"{binary(step.bytes)} in {report.dtype}",
        reads=[_read(path, step, labels) for path in step.reads],
        weights=_weights(step),
        parameters=_repeated(step.parameters, count, step, report),
        flops=_repeated(step.flops, short_flops, step, report),
        repeated=step.block is not None,
        group=step.group,
    )


def _read(path: str, step: FlowStep, labels: dict[str, str]) -> str:
    outside = step.block is not None and not path.startswith(step.path[: step.path.index(".", 2) + 1])
    return f"{labels[path]}, or the block before" if outside else labels[path]


def _weights(step: FlowStep) -> list[str]:
    own = [f"{name} {shape(sizes)}" for name, sizes in step.weights.items()]
    return [f"{own[0]}, shared with {step.tied_to}"] if step.tied_to and own else own


def _repeated(number: int, write: Callable[[int], str], step: FlowStep, report: FlowReport | TraceReport) -> str:
    """Return a figure of one block with that of all, or nothing where it is zero."""
    if not number:
        return ""
    times = report.block.times
    words = write(number)
    return f"{words}; in all {count(times)} blocks {write(number * times)}" if step.block == 0 and times > 1 else words


def _figures(step: TraceStep) -> Figures:
    words = [mean_figure(step), figure(step.std), figure(step.min), figure(step.max)]
    words += [zero_share(step), short_seconds(step.seconds)]
    numbers = [float(f"{each:.4g}") for each in (step.mean, step.std, step.min, step.max) if each is not None]
    note = "Without the minus infinity that the mask puts there." if step.ignored else ""
    return Figures(numbers if len(numbers) == 4 else [], words, step.not_finite or "", note)
