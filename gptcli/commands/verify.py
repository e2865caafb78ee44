"""``gptcli verify``."""

from itertools import chain
from time import perf_counter
from typing import Annotated, Literal

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._options import AttentionOption, ConfigOption, DeviceOption, JsonOption, SetOption, TiedOption
from gptcli.commands._run_options import (
    AmpOption,
    BatchSizeOption,
    DtypeOption,
    FreeLogitsOption,
    OptimizerImplOption,
    OptimizerOption,
    RecomputeOption,
    SeqLenOption,
    step_options,
)
from gptcli.commands._weights import WeightsOption, choose_model
from gptcli.config import DEFAULT_CONFIG
from gptcli.errors import GptcliError

app = command_app()


@app.command(cls=common("--quick", "--config", "--weights", "--seq-len", "--json"), rich_help_panel="Run")
def verify(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    weights: WeightsOption = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Measure on fake tensors: takes no memory, any model on any machine.")
    ] = False,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "fp32",
    batch_size: BatchSizeOption = 1,
    seq_len: SeqLenOption = None,
    attention: AttentionOption = "sdpa",
    amp: AmpOption = False,
    optimizer: OptimizerOption = "adamw",
    optimizer_impl: OptimizerImplOption = "auto",
    recompute: RecomputeOption = "none",
    free_logits: FreeLogitsOption = False,
    witness: Annotated[
        Literal["plain", "transformers"],
        typer.Option(
            metavar="NAME",
            help="plain: our network is held against a small one of our own that knows only the config; "
            "transformers: against GPT2LMHeadModel.",
            rich_help_panel="Run",
        ),
    ] = "plain",
    force: Annotated[
        bool, typer.Option("--force", help="Run even if the memory seems too small.", rich_help_panel="Run")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Measure every figure on this machine: hold the estimates against it; exit with 1 if one is off.

    [dim]$[/dim] gptcli verify --quick
    [dim]$[/dim] gptcli verify -c gpt2-medium --seq-len 256
    [dim]$[/dim] gptcli verify -c gpt2 --quick --witness transformers
    """
    from msgspec.structs import replace

    from gptcli.analysis.memory import checked_options
    from gptcli.analysis.optimizers import implementation
    from gptcli.analysis.run_facts import run_facts
    from gptcli.analysis.step import sweep_step
    from gptcli.model.device import free_bytes, resolve_device
    from gptcli.model.witness import check_witness, witness_named
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.progress import counted
    from gptcli.render.units import binary
    from gptcli.reports.verify import VerifyReport

    chosen = choose_model(context, weights, config, set_values, tied)
    model = chosen.config
    check_witness(witness, model)
    where = "cpu" if quick else resolve_device(device)
    training = checked_options(
        model,
        step_options(
            model,
            seq_len,
            batch=batch_size,
            mode="training",
            dtype=dtype,
            amp=amp,
            attention=attention,
            optimizer=optimizer,
            optimizer_impl=optimizer_impl,
            recompute=recompute,
            free_logits=free_logits,
            device=where,
        ),
    )
    need = sweep_step(model, training).peak
    if not quick and not force and need > free_bytes(where):
        raise GptcliError(
            f"a training step of {model.name} needs {binary(need)}, {binary(free_bytes(where))} are free on {where}; "
            "use --quick, a shorter --seq-len, or --force"
        )
    from gptcli.commands._verify import (
        CHECKS,
        checks,
        device_name,
        instrument,
        running_torch,
        stored_parameters,
        workspaces,
    )
    from gptcli.commands._verify_options import asked_for, options_used
    from gptcli.commands._witness import WITNESS_CHECKS, witness_checks, witness_used

    started = perf_counter()
    beside = witness_named(witness)
    inference = replace(training, mode="inference")
    figures = chain(witness_checks(model, attention, beside), checks(model, inference, training, fake=quick))
    found = list(counted(figures, WITNESS_CHECKS + CHECKS, "Measuring"))
    if chosen.checkpoint is not None:
        found.append(stored_parameters(chosen.checkpoint))
    report = VerifyReport(
        config=model,
        quick=quick,
        **run_facts(training, VerifyReport),
        device_name=device_name(where),
        workspace_bytes=workspaces(training, fake=quick),
        instrument=instrument(where, fake=quick),
        options=options_used(
            asked_for(context),
            device=where,
            seq_len=training.tokens,
            optimizer_impl=implementation(optimizer_impl, where),
            drop_rate=model.drop_rate,
            **running_torch(),
        ),
        witness=witness_used(model, beside),
        checks=found,
        ok=all(check.ok for check in found),
        seconds=perf_counter() - started,
    )
    if json:
        print_json(report)
    else:
        from gptcli.render.verify import verify_text

        print_text(verify_text(report))
    if not report.ok:
        raise typer.Exit(1)
