"""What runs, for the reports that say so: a pass or a training step."""

from gptcli.reports.report import Report


class RunReport(Report, frozen=True, kw_only=True):
    """A report of a pass or a training step; what only a training step or only generation has is null elsewhere.

    Attributes:
        optimizer_package: what to install for the optimizer: ``torch``, or what else has it.
        lora_rank: of the adapters that are trained, or null without them.
        lora_targets: the names of the linear layers that have one.
        accumulate: how many micro-batches of ``batch_size`` texts a step has.
    """

    mode: str
    dtype: str
    activation_dtype: str
    kv_dtype: str | None = None
    amp: bool
    batch_size: int
    seq_len: int
    attention: str
    device: str
    optimizer: str | None
    optimizer_impl: str | None
    optimizer_package: str | None
    recompute: str | None
    free_logits: bool | None
    accumulate: int | None
    lora_rank: int | None = None
    lora_targets: list[str] | None = None
