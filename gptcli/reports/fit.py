"""The report of ``gptcli fit``."""

from msgspec import Struct

from gptcli.reports.report import Report


class FitCell(Struct, frozen=True):
    """The peak of one batch size and sequence length, and whether the budget holds it."""

    batch_size: int
    seq_len: int
    peak_bytes: int
    fits: bool


class FitReport(Report, frozen=True, kw_only=True):
    """The largest value of a variable that fits a budget; the next valid one does not.

    Attributes:
        budget_bytes: the whole budget.
        unit: the unit in which it was given: ``GiB``.
        headroom_bytes: what of it stays free.
        variable: what was solved for.
        multiple_of: what the variable was asked to be a multiple of.
        step: from one valid value to the next; for widths also a multiple of what the heads need.
        answer: the largest value that fits.
        capped: whether the search ended at the largest value that it tries, so that more may fit.
        peak_bytes: at the answer, headroom not in it.
        next_value: the next valid value, null at the cap.
        batch_size: of the run at the answer, as is all that follows.
    """

    command: str = "fit"
    budget_bytes: int
    unit: str = "B"
    headroom_bytes: int
    variable: str
    multiple_of: int
    step: int
    answer: int
    capped: bool
    peak_bytes: int
    next_value: int | None
    next_peak_bytes: int | None
    mode: str
    dtype: str
    activation_dtype: str
    amp: bool
    batch_size: int
    seq_len: int
    attention: str
    device: str
    optimizer: str | None
    optimizer_impl: str | None
    recompute: str | None
    free_logits: bool | None
    table: list[FitCell]
