"""``gptcli fit``."""

from typing import Annotated, Literal

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._options import AttentionOption, ConfigOption, JsonOption, SetOption, TiedOption, is_typed
from gptcli.commands._run_options import (
    AccumulateOption,
    AmpOption,
    BatchSizeOption,
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
from gptcli.errors import InputError

app = command_app()


@app.command(cls=common("--budget", "--solve", "--config", "--mode", "--amp"), rich_help_panel="Inspect")
def fit(
    context: typer.Context,
    budget: Annotated[str, typer.Option("--budget", metavar="SIZE", help="Available memory, e.g. 24GiB.")],
    solve: Annotated[
        Literal["batch", "seq", "layers", "width"],
        typer.Option("--solve", help="The size to maximise."),
    ] = "batch",
    multiple_of: Annotated[
        int | None,
        typer.Option(
            "--multiple-of",
            metavar="N",
            min=1,
            help="The answer is a multiple of N.",
            show_default="64 for a width, else 1",
            rich_help_panel="Run",
        ),
    ] = None,
    headroom: HeadroomOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    dtype: WeightDtypeOption = "fp32",
    kv_dtype: KvDtypeOption = None,
    mode: ModeOption = "training",
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
    json: JsonOption = False,
) -> None:
    """Find what fits into memory: the largest batch, sequence, depth or width.

    [dim]$[/dim] gptcli fit --budget 24GiB --solve batch
    [dim]$[/dim] gptcli fit --budget 80GB --solve layers -c gpt2-xl --amp
    """
    from gptcli.analysis.fit import FitRequest
    from gptcli.api.adapters import with_adapters
    from gptcli.api.configs import network_of, resolve
    from gptcli.api.fit import fitted
    from gptcli.api.runs import step_options
    from gptcli.api.stored_format import weights_format
    from gptcli.commands._budget import memory_limit
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.errors import print_note

    _refuse_what_is_solved_for(context, solve, set_values)
    refuse_training_options(context, mode)
    limit, free = memory_limit(budget, headroom, device)
    assert limit is not None
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
    request = FitRequest(
        variable=solve,
        budget=limit.value,
        headroom=free,
        multiple_of=multiple_of,
        heads_fixed="n_heads" in resolved.overridden,
    )
    report = fitted(network, options, request, limit.unit)
    if json:
        print_json(report)
    else:
        from gptcli.render.fit import fit_text

        print_text(fit_text(report))


# What --solve varies, by the option that would fix it.
_SOLVED_OPTIONS = {"batch": ("batch_size", "--batch-size"), "seq": ("seq_len", "--seq-len")}
_SOLVED_KEYS = {"seq": "context_length", "layers": "n_layers", "width": "emb_dim"}


def _refuse_what_is_solved_for(context: typer.Context, solve: str, set_values: list[str] | None) -> None:
    """Refuse a value that the search would replace.

    Raises:
        InputError: with the option to leave out.
    """
    name, option = _SOLVED_OPTIONS.get(solve, ("", ""))
    if name and is_typed(context, name):
        raise InputError(f"--solve {solve} looks for what {option} says; leave one of them out")
    key = _SOLVED_KEYS.get(solve)
    given = next((text for text in set_values or () if text.partition("=")[0].strip() == key), None)
    if given is not None:
        raise InputError(f"--solve {solve} looks for what --set {given} says; leave one of them out")
