"""Options that say what runs: how much at once, in which mode, by which rules; declared once."""

from typing import Annotated, Literal

import typer

from gptcli.analysis.limits import MAX_BATCH, MAX_RANK
from gptcli.analysis.optimizers import OPTIMIZERS, optimizer_name
from gptcli.analysis.process import CPU_HEADROOM_BYTES
from gptcli.architecture.adapters import ALL_LINEAR, DEFAULT_TARGETS
from gptcli.architecture.devices import AUTO, rules_device_named
from gptcli.architecture.dtypes import CACHE_BITS, cache_dtype, compute_dtype, weight_dtype
from gptcli.commands._options import is_typed
from gptcli.errors import InputError

_CPU_HEADROOM = CPU_HEADROOM_BYTES // 2**20


def _rules_device(name: str) -> str:
    """Return ``cpu`` or ``cuda``; ``auto`` is what the commands that run take, so only it may load torch."""
    device = rules_device_named(name)
    if device != AUTO:
        return device
    from gptcli.model.device import resolve_device

    return resolve_device(AUTO)


BatchSizeOption = Annotated[
    int,
    typer.Option(
        "--batch-size", "-b", metavar="N", min=1, max=MAX_BATCH, help="Texts at once (B).", rich_help_panel="Run"
    ),
]
SeqLenOption = Annotated[
    int | None,
    typer.Option(
        "--seq-len",
        "-t",
        metavar="N",
        min=1,
        help="Tokens in a text (T).",
        show_default="the context length",
        rich_help_panel="Run",
    ),
]
ModeOption = Annotated[
    Literal["inference", "training", "generate"],
    typer.Option(
        "--mode",
        metavar="MODE",
        help="inference: a forward pass; training: a step; generate: with a KV cache.",
        rich_help_panel="Run",
    ),
]
AmpOption = Annotated[
    bool, typer.Option("--amp", help="Autocast: fp32 parameters, bf16 matrix products.", rich_help_panel="Run")
]
OptimizerOption = Annotated[
    str,
    typer.Option(
        "--optimizer",
        metavar="NAME",
        parser=optimizer_name,
        help=f"One of {', '.join(OPTIMIZERS)}.",
        rich_help_panel="Run",
    ),
]
OptimizerImplOption = Annotated[
    Literal["auto", "for-loop", "foreach", "fused"],
    typer.Option(
        "--optimizer-impl",
        metavar="HOW",
        help="for-loop, foreach, fused, or auto: for-loop on the CPU, foreach on CUDA.",
        rich_help_panel="Run",
    ),
]
RecomputeOption = Annotated[
    Literal["none", "block"],
    typer.Option(
        "--recompute",
        metavar="WHAT",
        help="block: run each block again in the backward pass; or none.",
        rich_help_panel="Run",
    ),
]
FreeLogitsOption = Annotated[
    bool,
    typer.Option(
        "--free-logits",
        help="Training whose loss function frees the logits when it returns.",
        rich_help_panel="Run",
    ),
]
AccumulateOption = Annotated[
    int,
    typer.Option(
        "--accumulate",
        metavar="N",
        min=1,
        max=MAX_BATCH,
        help="Micro-batches whose gradients a training step adds up.",
        rich_help_panel="Run",
    ),
]
LoraOption = Annotated[
    int | None,
    typer.Option(
        "--lora",
        metavar="RANK",
        min=1,
        max=MAX_RANK,
        help="Train low-rank adapters (LoRA); all else is frozen.",
        rich_help_panel="Run",
        show_default=False,
    ),
]
LoraTargetsOption = Annotated[
    str | None,
    typer.Option(
        "--lora-targets",
        metavar="NAMES",
        help=f"Linear layers with an adapter, with commas between, or {ALL_LINEAR}.",
        show_default=",".join(DEFAULT_TARGETS),
        rich_help_panel="Run",
    ),
]
RulesDeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="DEVICE",
        parser=_rules_device,
        help="cpu or cuda: whose kernels are estimated; nothing is run.",
        rich_help_panel="Run",
    ),
]
DtypeOption = Annotated[
    str,
    typer.Option(
        "--dtype",
        metavar="DTYPE",
        parser=compute_dtype,
        help="fp32, fp16 or bf16, of weights and activations.",
        rich_help_panel="Run",
    ),
]
WeightDtypeOption = Annotated[
    str,
    typer.Option(
        "--dtype",
        metavar="DTYPE",
        parser=weight_dtype,
        help="fp32, fp16, bf16; at inference also int8, int4, q4_k_m, gptq, ...",
        rich_help_panel="Run",
    ),
]
KvDtypeOption = Annotated[
    str | None,
    typer.Option(
        "--kv-dtype",
        metavar="DTYPE",
        parser=cache_dtype,
        help=f"KV cache: {', '.join(CACHE_BITS)}.",
        show_default="--dtype's",
        rich_help_panel="Run",
    ),
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Show the formula of each figure.", rich_help_panel="Output")
]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget", metavar="SIZE", help="Exit with 1 if more is needed, e.g. 24GiB.", rich_help_panel="Output"
    ),
]
HeadroomOption = Annotated[
    str | None,
    typer.Option(
        "--headroom",
        metavar="SIZE",
        help="Memory of the budget that stays free.",
        show_default=f"{_CPU_HEADROOM}MiB on cpu, 0 on cuda",
        rich_help_panel="Output",
    ),
]

# What only a training step has, by the name of its parameter.
_OF_TRAINING = ("optimizer", "optimizer_impl", "recompute", "free_logits", "accumulate", "lora", "lora_targets")


def refuse_training_options(context: typer.Context, mode: str) -> None:
    """Refuse what is typed about a training step where none runs, instead of leaving it without effect.

    Raises:
        InputError: with the option and both ways out.
    """
    typed = next((name for name in _OF_TRAINING if is_typed(context, name)), None)
    if typed is not None and mode != "training":
        option = f"--{typed.replace('_', '-')}"
        raise InputError(f"{option} is about a training step; add --mode training, or leave it out")
