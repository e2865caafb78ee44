"""``gptcli verify``."""

from typing import Annotated, Literal

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._asked import asked_for
from gptcli.commands._options import AttentionOption, ConfigOption, DeviceOption, JsonOption, SetOption, TiedOption
from gptcli.commands._run_options import (
    AccumulateOption,
    AmpOption,
    BatchSizeOption,
    DtypeOption,
    FreeLogitsOption,
    LoraOption,
    LoraTargetsOption,
    OptimizerImplOption,
    OptimizerOption,
    RecomputeOption,
    SeqLenOption,
)
from gptcli.commands._weights_option import WeightsOption, choose_model
from gptcli.config import DEFAULT_CONFIG

app = command_app()


@app.command(cls=common("--quick", "--config", "--weights", "--seq-len", "--json"), rich_help_panel="Run")
def verify(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    weights: WeightsOption = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Measure on fake tensors: no memory is taken, so any model can run."),
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
    accumulate: AccumulateOption = 1,
    lora: LoraOption = None,
    lora_targets: LoraTargetsOption = None,
    witness: Annotated[
        Literal["plain", "transformers"],
        typer.Option(
            metavar="NAME",
            help="plain: compare our network with a plain one of our own, built from the config alone; "
            "transformers: with GPT2LMHeadModel.",
            rich_help_panel="Run",
        ),
    ] = "plain",
    force: Annotated[
        bool, typer.Option("--force", help="Run even if the memory seems too small.", rich_help_panel="Run")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Measure every figure on this machine: compare the estimates with it; exit with 1 if one is off.

    [dim]$[/dim] gptcli verify --quick
    [dim]$[/dim] gptcli verify -c gpt2-medium --seq-len 256
    [dim]$[/dim] gptcli verify -c gpt2 --quick --witness transformers
    """
    from gptcli.analysis.memory import checked_options
    from gptcli.api.adapters import with_adapters
    from gptcli.api.need import refuse_too_large_a_step, refuse_unbuildable
    from gptcli.api.runs import step_options
    from gptcli.api.verification import refuse_unmeasurable
    from gptcli.model.device import resolve_device
    from gptcli.model.witness import check_witness
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.progress import counted

    refuse_unmeasurable(optimizer, quick=quick)
    chosen = choose_model(context, weights, config, set_values, tied, attention=attention)
    model, trained = chosen.config, with_adapters(chosen.network, lora, lora_targets)
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
            accumulate=accumulate,
            device=where,
        ),
    )
    if not force:
        (refuse_unbuildable if quick else refuse_too_large_a_step)(trained, training)
    from gptcli.api.verification import verified

    report = verified(
        chosen,
        training,
        witness,
        trained=trained,
        quick=quick,
        asked=asked_for(context),
        counted=lambda found, total: counted(found, total, "Measuring"),
    )
    if json:
        print_json(report)
    else:
        from gptcli.render.verify import verify_text

        print_text(verify_text(report))
    if not report.ok:
        raise typer.Exit(1)
