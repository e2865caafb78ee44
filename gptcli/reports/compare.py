"""The report of ``gptcli compare``."""

from msgspec import Struct

from gptcli.config import ModelConfig
from gptcli.reports.report import Report


class ComparedModel(Struct, frozen=True):
    """One model's figures, the same keys for each.

    A peak is None where what torch allocates for a part is not known to the byte.
    """

    name: str
    config: ModelConfig
    parameters: int
    parameters_untied: int
    parameters_tied: int
    active_parameters: int
    weights_bytes: int
    inference_peak_bytes: int | None
    training_peak_bytes: int | None
    kv_cache_bytes: int
    forward_flops: int
    training_flops: int
    flops_per_token: int


class CompareReport(Report, frozen=True, kw_only=True):
    """Models side by side."""

    command: str = "compare"
    batch_size: int
    seq_len: int | None
    dtype: str
    amp: bool
    attention: str
    device: str
    optimizer: str
    optimizer_impl: str
    recompute: str
    models: list[ComparedModel]
    differing: list[str]
