"""Peaks that others measured and published, beside what `gptcli memory` says of the nearest run of our own network."""

import shlex
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from gptcli.analysis.passes import swept
from gptcli.analysis.workload import Workload
from gptcli.architecture import describe
from gptcli.config import load_config

_GIB = 2**30


class Published(Struct, frozen=True):
    """A published figure; ``command`` prints the nearest figure of ours, or is empty where none does.

    Attributes:
        what: the run.
        where: the device it was measured on.
        gib: as published, in GiB where its arithmetic says so.
        source: who published it.
        command: options of ``gptcli memory``.
        reason: why ours differs, or why there is none.
    """

    what: str
    where: str
    gib: str
    source: str
    command: str
    reason: str


_NOT_GPT2 = "no GPT-2: not estimated"
_BOOK = "rasbt/LLMs-from-scratch"

PUBLISHED = (
    Published(
        "124M, a step of 8 x 1,024 in fp32, the lecture's own layer norm, GELU and attention", "A100", "26.24 reserved",
        f"{_BOOK}, ch05/10",
        "--mode training -b 8 --attention explicit --free-logits --device cuda",
        "theirs makes six to eight tensors where ours has a fused layer norm or GELU; ours scales, masks and drops the "
        "scores in tensors of their own; reserved is at least what is allocated",
    ),
    Published(
        "the same, in bf16, fused AdamW, FlashAttention, torch's layer norm and GELU", "A100", "5.9004 reserved",
        f"{_BOOK}, ch05/10, step 7",
        "--mode training -b 8 --dtype bf16 --optimizer-impl fused --free-logits --device cuda",
        "reserved is the allocator's figure: at least what is allocated, which is ours",
    ),
    Published(
        "XL untied, its weights brought to the device", "GPU", "6.4 allocated", f"{_BOOK}, ch05/08",
        "-c gpt2-xl --untied -t 4 --device cuda",
        "theirs stores a causal mask of 1,024 x 1,024 numbers in fp32 in each of 48 blocks, 0.19 GiB, and rounds up",
    ),
    *(
        Published(what, where, gib, source, "", _NOT_GPT2)
        for what, where, gib, source in (
            ("Llama 3 8B, 8 devices, FSDP, batch 2, selective recompute", "H100", "82.4", "torchtitan docs"),
            ("the same compiled; with fp8 too", "H100", "77.0; 76.8", "torchtitan docs"),
            ("Llama 3 8B, 128 devices; compiled; with fp8 too", "H100", "67.0; 62.0; 61.8", "torchtitan docs"),
            ("Llama 3 70B, 256 devices, FSDP 32 x TP 8; compiled", "H100", "71.9; 67.6", "torchtitan docs"),
            ("Llama 3 405B, 512 devices, 1F1B; interleaved", "H100", "82.5; 72.7", "torchtitan docs"),
            ("Llama 3 70B cut to 12 layers: tp 1, 2, 4, 8", "B200", "66.55; 60.68; 39.07; 28.29", "SimuMax v1.2"),
            ("DeepSeek-V3 cut to 4 layers, ep 8", "B200", "104.30", "SimuMax v1.2"),
            ("Llama 3 8B served: weights; activations; beside torch", "H100", "14.96; 1.26; 1.79", "vLLM's log"),
            ("T5-3B, 8 devices: ZeRO-2; ZeRO-3", "GPU", "15.93; 6.10 (GB)", "DeepSpeed docs"),
            ("Qwen3-30B-A3B, 32 devices", "H100", "62.3; 58.0", "mlc-ai pith-train, issue 18"),
            ("StableLM 3B: LoRA; QLoRA variants", "GPU", "26.92; 9.69; 6.35; 6.19 (GB)", "litgpt docs"),
        )
    ),
)  # fmt: skip


def rows() -> list[str]:
    """Return the table in Markdown."""
    head = ["| published | on | GiB | ours, GiB | apart | why | by |", "|---|---|---|---|---|---|---|"]
    return head + [_row(each) for each in PUBLISHED]


def commands() -> list[str]:
    """Return the commands that print our figures, one a row."""
    return [f"gptcli memory {each.command}" for each in PUBLISHED if each.command]


def peak(options: Sequence[str]) -> int:
    """Return the peak that ``gptcli memory`` prints for options of these few kinds."""
    given = list(options)
    flags = {name: name in given for name in ("--untied", "--free-logits")}
    values = {name: value for name, value in pairwise(given) if name.startswith("-")}
    tied = False if flags["--untied"] else None
    config = load_config(values.get("-c", "gpt2-124m"), flags={"weight_tying": tied}, environ={}).config
    run = {
        "mode": values.get("--mode", "inference"),
        "batch": int(values.get("-b", 1)),
        "tokens": int(values.get("-t", config.context_length)),
        "dtype": values.get("--dtype", "fp32"),
        "attention": values.get("--attention", "sdpa"),
        "optimizer_impl": values.get("--optimizer-impl", "auto"),
        "device": values.get("--device", "cpu"),
        "free_logits": flags["--free-logits"],
    }
    return swept(describe(config), Workload(**run)).peak  # type: ignore[arg-type]


def _row(each: Published) -> str:
    if not each.command:
        return f"| {each.what} | {each.where} | {each.gib} | - | - | {each.reason} | {each.source} |"
    ours = peak(shlex.split(each.command)) / _GIB
    theirs = float(each.gib.split()[0])
    apart = f"{ours - theirs:+.2f}"
    return f"| {each.what} | {each.where} | {each.gib} | {ours:.2f} | {apart} | {each.reason} | {each.source} |"
