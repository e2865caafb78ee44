"""What a device has to do: a forward pass, a training step, or generation, of a size and in a format."""

from typing import Literal

from msgspec import Struct

from gptcli.architecture import AttentionPath


class Workload(Struct, frozen=True, kw_only=True):
    """What runs: see ``gptcli memory --help``.

    ``dropout`` is on in training whatever it says here; ``widens`` says that the processor has no instructions for the
    dtype's products (`gptcli.processor`). ``dtype`` may name a format of weights (`gptcli.architecture.formats`);
    ``kv_dtype`` is that of the KV cache, where it is not that of the products. ``accumulate`` is how many
    micro-batches of ``batch`` texts a training step has.
    """

    batch: int = 1
    tokens: int
    mode: Literal["inference", "training", "generate"] = "inference"
    dtype: str = "fp32"
    amp: bool = False
    dropout: bool = False
    attention: AttentionPath = "sdpa"
    optimizer: str = "adamw"
    optimizer_impl: str = "auto"
    recompute: Literal["none", "block"] = "none"
    device: str = "cpu"
    widens: bool = False
    free_logits: bool = False
    accumulate: int = 1
    kv_dtype: str | None = None
