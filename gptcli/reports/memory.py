"""The report of ``gptcli memory``."""

from msgspec import Struct

from gptcli.reports.budget import Budget
from gptcli.reports.explanation import Explanation
from gptcli.reports.run import RunReport


class DtypeRow(Struct, frozen=True):
    """Weight bytes in one format, with an output head of its own and with a tied one.

    Attributes:
        bits: of a number; of a format with scales, the mean over all of the model's.
    """

    dtype: str
    bits: int | float
    untied_bytes: int
    tied_bytes: int


class PhasePeak(Struct, frozen=True):
    """The most memory that was alive during one phase."""

    phase: str
    peak_bytes: int


class LedgerLine(Struct, frozen=True):
    """What is alive at the peak under one name: how many tensors, how many bytes."""

    label: str
    tensors: int
    bytes: int


class MemoryReport(RunReport, frozen=True, kw_only=True):
    """Bytes of the weights, and the peak of a pass or step with what is alive at it.

    Attributes:
        trained_parameters: how many of them training changes: all, or those of the adapters.
        weights_ledger: ``weights_bytes`` by what they are, scales apart, in a format that has scales; else null.
        kernels: how the network computes the parts that others compute in more operations: ``fused`` or ``composite``.
        stores_causal_mask: whether blocks hold a causal mask each as long as they live, as the lecture's do.
        peak_bytes: null where it is not known to the byte, or no such pass can run; ``phases`` and ``ledger`` are
            empty then.
        peak_unknown: why it is not known, or null.
        process_bytes: what Python and torch themselves take, which is not in the peak; null where it is not known.
        routing: how tokens are taken to choose among experts: ``balanced``; null without experts.
        notes: what to know of the figures, a line each.
    """

    command: str = "memory"
    parameters: int
    trained_parameters: int | None
    weights_bytes: int
    weights_ledger: list[LedgerLine] | None
    dtypes: list[DtypeRow]
    gradients_bytes: int | None
    optimizer_bytes: int | None
    kv_cache_bytes: int | None
    kv_cache_bytes_per_token: int | None
    peak_bytes: int | None
    peak_phase: str | None
    peak_unknown: str | None
    phases: list[PhasePeak]
    ledger: list[LedgerLine]
    kernels: dict[str, str]
    stores_causal_mask: bool
    process_bytes: int | None
    routing: str | None = None
    notes: list[str]
    explanations: list[Explanation] | None = None
    budget: Budget | None = None
