"""The books of every family against torch: a small network of each, its peaks beside those that a tracker measures.

A forward pass, a prompt and one token read into a cache, and a training step with its phases. ``make accuracy`` makes a
table of it, a row a family; ``tests/analysis/test_families.py`` holds every figure.
"""

import itertools
from collections.abc import Iterator
from functools import reduce
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from gptcli.analysis.passes import DECODE, PREFILL, swept
from gptcli.analysis.workload import Workload
from gptcli.api.figures import measured_run
from gptcli.api.runs import on_this_processor
from gptcli.architecture import AttentionPath, Network, describe
from gptcli.architecture.books import NotInBooksError
from gptcli.config import ModelConfig
from tools.models import families

FEWEST_LAYERS = 2
BATCH, TOKENS = 2, 24  # past the windows of the small networks, which are 8 wide

Mode = Literal["inference", "generate", "training"]
MODES: dict[Mode, str] = {"inference": "forward pass", "generate": "generation", "training": "training step"}
TITLE = "## By family"
GRID: dict[str, Any] = {"dtype": ["fp32", "bf16"], "attention": ["sdpa", "explicit"], "tied": [False, True]}


class Figure(NamedTuple):
    """A peak in bytes, as the books give it and as it was measured."""

    name: str
    estimated: int
    measured: int


class Tally(NamedTuple):
    """What came of some cells: how many there are, are left out by the books, are off; the largest error."""

    cells: int = 0
    left_out: int = 0
    off: int = 0
    worst: float = 0.0

    def with_those_of(self, other: "Tally") -> "Tally":
        """Return what came of both."""
        return Tally(
            self.cells + other.cells,
            self.left_out + other.left_out,
            self.off + other.off,
            max(self.worst, other.worst),
        )

    @property
    def known(self) -> int:
        """How many cells have a figure."""
        return self.cells - self.left_out

    def __str__(self) -> str:
        """Say how many are exact, of how many."""
        return f"{self.known - self.off} of {self.known}" if self.known else "not estimated"


def cut(config: ModelConfig) -> ModelConfig:
    """Return a network with as few layers as have every kind of layer that it has."""
    kinds = _kinds(config)
    cuts = (replace(config, n_layers=depth) for depth in range(FEWEST_LAYERS, config.n_layers))
    return next((each for each in cuts if _kinds(each) == kinds), config)


def _kinds(config: ModelConfig) -> int:
    return len(list(describe(config).stack.kinds()))


def network(config: ModelConfig, attention: AttentionPath, *, tied: bool) -> Network:
    """Return the network of a config with its head tied or not."""
    return describe(replace(config, weight_tying=tied), attention)


def figures(described: Network, run: Workload, *, fake: bool) -> Iterator[Figure]:
    """Measure what runs, on real or fake tensors, beside what the books say of it.

    Raises:
        NotInBooksError: they say nothing.
    """
    from gptcli.model import measure

    run = on_this_processor(run)
    books, measured = swept(described, run), replace(measured_run(run, fake=fake), instrument="tracker")
    if run.mode == "inference":
        yield Figure("forward pass", books.peak, measure.forward_pass(described, measured).peak)
    elif run.mode == "generate":
        generated = measure.generation(described, measured)
        yield Figure("prompt", books.phases[PREFILL], generated.prefill)
        yield Figure("token", books.phases[DECODE], generated.decode)
    else:
        step = measure.training_step(described, measured)
        yield Figure("training step", books.peak, step.peak)
        yield from (Figure(phase, peak, step.phases[phase]) for phase, peak in books.phases.items())


def tally(described: Network, run: Workload) -> Tally:
    """Measure one cell of the table."""
    try:
        found = list(figures(described, run, fake=False))
    except NotInBooksError:
        return Tally(cells=1, left_out=1)
    worst = max(abs(each.estimated - each.measured) / each.measured for each in found)
    return Tally(cells=1, off=int(worst > 0), worst=worst)


def tallies(config: ModelConfig) -> dict[str, Tally]:
    """Measure every cell of a family; by its mode what came of it."""
    found = dict.fromkeys(MODES.values(), Tally())
    for dtype, attention, tied in itertools.product(*GRID.values()):
        described = network(cut(config), attention, tied=tied)
        for mode, name in MODES.items():
            run = Workload(mode=mode, batch=BATCH, tokens=TOKENS, dtype=dtype, attention=attention)
            found[name] = found[name].with_those_of(tally(described, run))
    return found


def row(family: str, found: dict[str, Tally], whole: Tally) -> str:
    """Return a row of the table."""
    worst = f"{whole.worst:.4%}" if whole.known else "-"
    return f"| {family} | {' | '.join(map(str, found.values()))} | {whole.known} | {worst} |"


def section(step: int = 1) -> tuple[list[str], list[str]]:
    """Return the section of docs/accuracy.md, and the families with a cell that is off; every ``step``-th family."""
    rows, off = [], []
    for family, config in list(families().items())[::step]:
        found = tallies(config)
        whole = reduce(Tally.with_those_of, found.values())
        rows.append(row(family, found, whole))
        off += [family] if whole.off else []
    return [*_head(), *rows, ""], off


def _head() -> list[str]:
    return [
        TITLE,
        "",
        "A small network of each `model_type`, with every kind of layer that it has. Real tensors on the CPU under the",
        f"tracker; {BATCH} texts of {TOKENS} tokens, past the windows. A column says how many cells are exact to",
        "the byte, of how many; a cell of generation is a prompt and then a token, one of training has all its phases.",
        "Every combination of:",
        "",
        *(f"- {key}: {', '.join(map(str, values))}" for key, values in GRID.items()),
        "",
        f"| family | {' | '.join(MODES.values())} | cells | largest error |",
        "|---|---|---|---|---|---|",
    ]
