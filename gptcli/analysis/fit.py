"""The inverse of the ledger: the largest value that a budget holds."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gptcli.analysis.memory import checked_options
from gptcli.analysis.peaks import Peaks
from gptcli.analysis.step import StepOptions
from gptcli.config import ModelConfig
from gptcli.config.model_config import MAX_SIZE
from gptcli.errors import GptcliError
from gptcli.reports import FitCell, FitReport

Variable = Literal["batch", "seq", "layers", "width"]

_LARGEST_BATCH = 2**40
_TABLE_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_TABLE_COLUMNS = 5


class _Question(Struct, frozen=True):
    """What varies: ``build`` gives config and options at the n-th valid value, ``value_of`` that value itself."""

    build: Callable[[int], tuple[ModelConfig, StepOptions]]
    value_of: Callable[[int], int]
    largest: int


def fit_report(config: ModelConfig, options: StepOptions, variable: Variable, budget: int) -> FitReport:
    """Find the largest value whose peak the budget holds; the next valid value's does not.

    Args:
        config: the model; ``seq`` varies its context length too, ``width`` stays divisible by its heads.
        options: everything else about the pass or step.
        variable: what varies.
        budget: bytes.

    Raises:
        GptcliError: even the smallest value does not fit.
    """
    checked_options(config, options)
    question = _question(config, options, variable)
    peaks = Peaks()
    best = _largest_that_fits(question, budget, peaks)
    chosen, chosen_options = question.build(best)
    following = best + 1 if best < question.largest else None
    return FitReport(
        config=chosen,
        budget_bytes=budget,
        mode=options.mode,
        dtype=options.dtype,
        variable=variable,
        answer=question.value_of(best),
        peak_bytes=peaks.peak(chosen, chosen_options),
        next_value=None if following is None else question.value_of(following),
        next_peak_bytes=None if following is None else peaks.peak(*question.build(following)),
        table=_table(chosen, chosen_options, budget, peaks),
    )


def _question(config: ModelConfig, options: StepOptions, variable: Variable) -> _Question:
    def same(n: int) -> int:
        return n

    if variable == "batch":
        return _Question(lambda n: (config, replace(options, batch=n)), same, _LARGEST_BATCH)
    if variable == "seq":
        return _Question(lambda n: (replace(config, context_length=n), replace(options, tokens=n)), same, MAX_SIZE)
    if variable == "layers":
        return _Question(lambda n: (replace(config, n_layers=n), options), same, MAX_SIZE)
    heads = config.n_heads
    return _Question(lambda n: (replace(config, emb_dim=n * heads), options), lambda n: n * heads, MAX_SIZE // heads)


def _largest_that_fits(question: _Question, budget: int, peaks: Peaks) -> int:
    """Double until it does not fit, then halve the interval: the peak never falls when a size grows."""

    def fits(n: int) -> bool:
        return peaks.peak(*question.build(n)) <= budget

    if not fits(1):
        need = peaks.peak(*question.build(1))
        raise GptcliError(f"nothing fits: {question.value_of(1)} needs {need:,} bytes already; raise --budget")
    low, high = 1, 2
    while high <= question.largest and fits(high):
        low, high = high, 2 * high
    high = min(high, question.largest + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _table(config: ModelConfig, options: StepOptions, budget: int, peaks: Peaks) -> list[FitCell]:
    """Peaks over batch sizes and sequence lengths, halving from the context length."""
    lengths = sorted({max(1, config.context_length >> shift) for shift in range(_TABLE_COLUMNS)})
    cells = []
    for batch in _TABLE_BATCHES:
        for tokens in lengths:
            peak = peaks.peak(config, replace(options, batch=batch, tokens=tokens))
            cells.append(FitCell(batch, tokens, peak, peak <= budget))
    return cells
