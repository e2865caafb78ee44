"""The report of ``gptcli fit``."""

from msgspec import Struct

from gptcli.reports.run import RunReport


class FitCell(Struct, frozen=True):
    """The peak of one batch size and sequence length, and whether the budget holds it."""

    batch_size: int
    seq_len: int
    peak_bytes: int
    fits: bool


class FitReport(RunReport, frozen=True, kw_only=True):
    """The largest value of a variable that fits a budget, with the run at that value; the next valid one does not fit.

    Attributes:
        budget_bytes: the whole budget.
        unit: the unit in which it was given: ``GiB``.
        headroom_bytes: how much of it stays free.
        variable: the variable that was solved for.
        multiple_of: what the variable was asked to be a multiple of.
        step: from one valid value to the next; for widths also a multiple of what the heads need.
        answer: the largest value that fits.
        capped: whether the search ended at the largest value that it tries, so that more may fit.
        peak_bytes: at the answer, headroom not in it.
        next_value: the next valid value, null at the cap.
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
    table: list[FitCell]
