"""The report of ``gptcli flops``."""

from msgspec import Struct

from gptcli.reports.budget import Budget
from gptcli.reports.explanation import Explanation
from gptcli.reports.report import Report


class FlopsRow(Struct, frozen=True):
    """Forward FLOPs of one step: in one instance, and how many there are."""

    path: str
    label: str
    flops: int
    times: int


class FlopsReport(Report, frozen=True, kw_only=True):
    """FLOPs of a pass over B x T tokens; a multiply-add is two.

    ``groups`` has the label of each group of parts by its path. ``mfu`` is of the matrix products; ``utilization`` has
    each convention's. Both are fractions of the peak. ``notes`` say what to know of the figures.
    """

    command: str = "flops"
    batch_size: int
    seq_len: int
    attention: str
    linear_flops: int
    attention_flops: int
    forward_flops: int
    causal_forward_flops: int
    backward_flops: int
    training_flops: int
    training_flops_per_token: int
    prefill_flops: int
    decode_flops: int
    parts: list[FlopsRow]
    groups: dict[str, str]
    conventions: dict[str, int]
    routing: str | None = None
    notes: list[str]
    mfu: float | None
    utilization: dict[str, float] | None = None
    explanations: list[Explanation] | None = None
    budget: Budget | None = None
