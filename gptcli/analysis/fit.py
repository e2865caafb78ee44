"""The inverse of the ledger: the largest value whose peak fits a budget."""

from collections.abc import Callable
from itertools import count
from math import gcd, lcm
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gptcli.analysis.limits import MAX_BATCH
from gptcli.analysis.memory import checked_options
from gptcli.analysis.peaks import Peaks
from gptcli.analysis.run_facts import adapter_facts, run_facts
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network
from gptcli.config import ModelConfig
from gptcli.config.model_config import MAX_SIZE
from gptcli.errors import GptcliError, InputError
from gptcli.reports.fit import FitCell, FitReport

Variable = Literal["batch", "seq", "layers", "width"]

# Widths in such steps fill the tiles of matrix units; everything else goes in steps of one.
_WIDTH_MULTIPLE = 64

_TABLE_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_TABLE_COLUMNS = 5

_FARTHEST = 16  # times what is known to fit: as far as a guess goes
_HALVED = 3  # of so many guesses the last halves, whatever the line says


class NothingFitsError(GptcliError):
    """Even the smallest value needs more than there is.

    Attributes:
        smallest: that value.
        need_bytes: its peak and the headroom.
    """

    def __init__(self, smallest: int, need_bytes: int) -> None:
        self.smallest = smallest
        self.need_bytes = need_bytes
        super().__init__(f"nothing fits: {smallest:,} needs {need_bytes:,} bytes already")


class FitRequest(Struct, frozen=True, kw_only=True):
    """What is to be found.

    Attributes:
        variable: what varies; ``seq`` varies the context length too.
        budget: bytes.
        headroom: bytes of the budget that stay free.
        multiple_of: what the answer is a multiple of; None for 64 where the width varies, else 1.
        heads_fixed: whether a width is split over as many heads as the config has; without it the heads keep their
            width and their number follows.
    """

    variable: Variable
    budget: int
    headroom: int = 0
    multiple_of: int | None = None
    heads_fixed: bool = False

    @property
    def multiple(self) -> int:
        """What the answer is a multiple of."""
        return self.multiple_of or (_WIDTH_MULTIPLE if self.variable == "width" else 1)


class _Question(Struct, frozen=True):
    """What varies: ``build`` gives network and options at a value; values go from ``step`` to ``cap`` in steps."""

    build: Callable[[int], tuple[Network, Workload]]
    step: int
    cap: int


def fit_report(network: Network, options: Workload, request: FitRequest) -> FitReport:
    """Find the largest value whose peak fits the budget; that of the next valid value does not.

    Args:
        network: the described model.
        options: everything else about the pass or step.
        request: what varies, and what there is.

    Raises:
        InputError: no value is valid, or as `checked_options`.
        NothingFitsError: even the smallest value does not fit.
    """
    checked_options(network.config, options)
    question = _question(network, options, request)
    peaks = Peaks()
    best = _largest_that_fits(question, request, peaks)
    chosen, run = question.build(best)
    following = best + question.step if best + question.step <= question.cap else None
    return FitReport(
        config=chosen.config,
        budget_bytes=request.budget,
        headroom_bytes=request.headroom,
        variable=request.variable,
        multiple_of=request.multiple,
        step=question.step,
        answer=best,
        capped=following is None,
        peak_bytes=peaks.peak(chosen, run),
        next_value=following,
        next_peak_bytes=None if following is None else peaks.peak(*question.build(following)),
        **run_facts(run, FitReport),
        **adapter_facts(network),
        table=_table(chosen, run, request.budget - request.headroom, peaks),
    )


def _question(network: Network, options: Workload, request: FitRequest) -> _Question:
    config, step = network.config, request.multiple
    if request.variable == "width":
        return _width_question(network, options, request)
    if request.variable == "batch":
        question = _Question(lambda n: (network, replace(options, batch=n)), step, MAX_BATCH)
    elif request.variable == "seq":
        question = _Question(
            lambda n: (network.of(replace(config, context_length=n)), replace(options, tokens=n)), step, MAX_SIZE
        )
    else:
        question = _Question(lambda n: (network.of(replace(config, n_layers=n)), options), step, MAX_SIZE)
    if step > question.cap:
        raise InputError(f"--multiple-of {step:,} is over {question.cap:,}, the largest value that is tried; lower it")
    return question


def _width_question(network: Network, options: Workload, request: FitRequest) -> _Question:
    """Vary the width so that its heads stay whole: their number, or the width of each, is the config's."""
    config = network.config
    heads, head_width = config.n_heads, config.emb_dim // config.n_heads
    step = lcm(request.multiple, heads if request.heads_fixed else head_width)

    def build(width: int) -> tuple[Network, Workload]:
        split = heads if request.heads_fixed else width // head_width
        return network.of(replace(config, emb_dim=width, n_heads=split)), options

    if step > MAX_SIZE:
        raise InputError(
            f"--multiple-of {request.multiple:,}: no width up to {MAX_SIZE:,} is such a multiple and splits into "
            f"{heads_words(config, request)}; use --multiple-of 1"
        )
    return _Question(build, step, MAX_SIZE)


def heads_words(config: ModelConfig, request: FitRequest) -> str:
    """Say what every width is split into: ``heads of 64``, or ``12 heads`` where their number is fixed."""
    return f"{config.n_heads:,} heads" if request.heads_fixed else f"heads of {config.emb_dim // config.n_heads:,}"


def heads_that_fit(network: Network, options: Workload, request: FitRequest) -> int | None:
    """Return a number of heads with which every multiple asked for is a width, and the first fits; None without one.

    Args:
        network: the described model; its width must split into them too, because it is checked before the search.
        options: as for `fit_report`.
        request: likewise; the width varies.

    Returns:
        Of those that fit the one nearest to the config's own.
    """
    shared = gcd(request.multiple, network.config.emb_dim)
    numbers = [heads for heads in range(1, shared + 1) if shared % heads == 0]
    numbers.sort(key=lambda heads: abs(heads - network.config.n_heads))
    peaks, available = Peaks(), request.budget - request.headroom
    smallest = (replace(network.config, emb_dim=request.multiple, n_heads=heads) for heads in numbers)
    return next((each.n_heads for each in smallest if peaks.peak(network.of(each), options) <= available), None)


def _largest_that_fits(question: _Question, request: FitRequest, peaks: Peaks) -> int:
    """Guess along the line through two known needs, and halve now and then: a need never falls when a size grows."""
    step, last = question.step, question.cap // question.step

    def known(n: int) -> _Known:
        return _Known(n, peaks.peak(*question.build(n * step)) + request.headroom)

    low = before = known(1)
    if low.need > request.budget:
        raise NothingFitsError(step, low.need)
    high: _Known | None = None
    for tries in count(1):
        limit = last + 1 if high is None else high.n
        if limit - low.n <= 1:
            return low.n * step
        if tries % _HALVED == 0 and high is not None:
            guess = (low.n + high.n) // 2
        else:
            guess = _reaches(request.budget, before if high is None else high, low)
        found = known(min(max(guess, low.n + 1), limit - 1))
        if found.need <= request.budget:
            before, low = low, found
        else:
            high = found
    raise AssertionError("unreachable")


class _Known(Struct, frozen=True):
    """What a value needs: ``n`` steps, and the bytes with the headroom."""

    n: int
    need: int


def _reaches(budget: int, other: _Known, low: _Known) -> int:
    """Return where the line through both reaches the budget; without a high end not far beyond what is known."""
    farthest = _FARTHEST * low.n
    if other.need == low.need:
        return farthest
    return min(farthest, low.n + (budget - low.need) * (other.n - low.n) // (other.need - low.need))


def _table(network: Network, options: Workload, available: int, peaks: Peaks) -> list[FitCell]:
    """Peaks over batch sizes and sequence lengths, halving from the context length."""
    lengths = sorted({max(1, network.config.context_length >> shift) for shift in range(_TABLE_COLUMNS)})
    cells = []
    for batch in _TABLE_BATCHES:
        for tokens in lengths:
            peak = peaks.peak(network, replace(options, batch=batch, tokens=tokens))
            cells.append(FitCell(batch, tokens, peak, peak <= available))
    return cells
