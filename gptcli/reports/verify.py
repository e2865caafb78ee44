"""The report of ``gptcli verify``."""

from msgspec import Struct

from gptcli.config import ModelConfig
from gptcli.reports.report import Report


class Check(Struct, frozen=True):
    """A figure beside its measurement; ``error`` is a signed fraction of the measured value.

    Attributes:
        scratch_bytes: what kernels' own memory added to a measured peak; in neither figure.
    """

    name: str
    estimated: int
    measured: int
    error: float
    tolerance: float
    ok: bool
    unit: str
    scratch_bytes: int = 0


class WitnessUsed(Struct, frozen=True, kw_only=True):
    """The network that shares nothing with the description, and what of it was compared.

    Attributes:
        name: ``plain`` or ``transformers``.
        source: what it is and where it stands.
        logits_config: the sizes at which logits were compared.
        logits_shape: (B, T, V) of those logits.
    """

    name: str
    source: str
    logits_config: ModelConfig
    logits_shape: tuple[int, int, int]


OptionValue = bool | int | float | str | list[str] | None


class VerifyReport(Report, frozen=True, kw_only=True):
    """Every figure, measured on this machine.

    Attributes:
        instrument: what measured the peaks: ``profiler`` (torch's own), ``tracker`` (of the storages of fake tensors)
            or ``allocator`` (CUDA's own counter).
        options: every option of the command with the value that it ran with; ``NAME_asked`` where that was another.
        routing: how tokens are taken to choose among experts: ``balanced``; null without experts.
        witness: what shares nothing with the description and was compared with it, or None for a decoder after GPT-2.
    """

    command: str = "verify"
    quick: bool
    device: str
    device_name: str | None
    dtype: str
    batch_size: int
    seq_len: int
    attention: str
    workspace_bytes: int
    instrument: str
    options: dict[str, OptionValue]
    witness: WitnessUsed | None
    routing: str | None = None
    checks: list[Check]
    ok: bool
    seconds: float
