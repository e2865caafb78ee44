"""``gptcli memory``."""

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._options import AttentionOption, ConfigOption, JsonOption, SetOption, TiedOption, is_typed
from gptcli.commands._run_options import (
    AccumulateOption,
    AmpOption,
    BatchSizeOption,
    BudgetOption,
    ExplainOption,
    FreeLogitsOption,
    HeadroomOption,
    KvDtypeOption,
    LoraOption,
    LoraTargetsOption,
    ModeOption,
    OptimizerImplOption,
    OptimizerOption,
    RecomputeOption,
    RulesDeviceOption,
    SeqLenOption,
    WeightDtypeOption,
    refuse_training_options,
)
from gptcli.config import DEFAULT_CONFIG

app = command_app()


@app.command(cls=common("--config", "--mode", "--batch-size", "--seq-len", "--dtype"), rich_help_panel="Inspect")
def memory(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    dtype: WeightDtypeOption = "fp32",
    kv_dtype: KvDtypeOption = None,
    mode: ModeOption = "inference",
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
    device: RulesDeviceOption = "cpu",
    explain: ExplainOption = False,
    budget: BudgetOption = None,
    headroom: HeadroomOption = None,
    json: JsonOption = False,
) -> None:
    """Estimate the memory that is needed: by weights, by a pass or a training step at its peak.

    [dim]$[/dim] gptcli memory --dtype fp32
    [dim]$[/dim] gptcli memory -c gpt2-xl --mode training --amp -b 8 --recompute block
    """
    from msgspec.structs import replace

    from gptcli.analysis.memory import known_peak, memory_report
    from gptcli.api.adapters import with_adapters
    from gptcli.api.budget import hold, refuse_over_budget
    from gptcli.api.configs import network_of, resolve
    from gptcli.api.runs import step_options
    from gptcli.api.stored_format import weights_format
    from gptcli.commands._budget import memory_limit
    from gptcli.commands._notes import note_all
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.errors import print_note
    from gptcli.render.units import BYTE_SCALES

    refuse_training_options(context, mode)
    limit, free = memory_limit(budget, headroom, device)
    resolved = resolve(config, set_values, tied, note=print_note, counting=True)
    network = with_adapters(network_of(resolved.config, attention), lora, lora_targets)
    options = step_options(
        network.config,
        seq_len,
        batch=batch_size,
        mode=mode,
        dtype=weights_format(resolved, dtype if is_typed(context, "dtype") else None, mode, print_note),
        kv_dtype=kv_dtype,
        amp=amp,
        attention=attention,
        optimizer=optimizer,
        optimizer_impl=optimizer_impl,
        recompute=recompute,
        free_logits=free_logits,
        accumulate=accumulate,
        device=device,
    )
    report = memory_report(network, options, explain=explain)
    if limit is not None:
        report = replace(report, budget=hold(limit, known_peak(report), headroom=free))
    note_all(report.notes)
    if json:
        print_json(report)
    else:
        from gptcli.render.memory import memory_text

        print_text(memory_text(report))
    refuse_over_budget(report.budget, "bytes", BYTE_SCALES)
