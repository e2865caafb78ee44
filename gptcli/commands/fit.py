"""``gptcli fit``."""

from typing import Annotated, Literal

import typer

from gptcli.architecture.dtypes import BITS, check_dtype
from gptcli.commands._app import command_app, common
from gptcli.commands._options import AttentionOption, ConfigOption, JsonOption, SetOption, TiedOption, resolve
from gptcli.commands._run_options import (
    AmpOption,
    BatchSizeOption,
    ModeOption,
    OptimizerImplOption,
    OptimizerOption,
    RecomputeOption,
    RulesDeviceOption,
    SeqLenOption,
    WeightDtypeOption,
    step_options,
)
from gptcli.config import DEFAULT_CONFIG

app = command_app()


@app.command(cls=common("--budget", "--solve", "--config", "--mode", "--amp"), rich_help_panel="Inspect")
def fit(
    budget: Annotated[str, typer.Option("--budget", metavar="SIZE", help="Memory there is, e.g. 24GiB.")],
    solve: Annotated[
        Literal["batch", "seq", "layers", "width"], typer.Option("--solve", help="What is to be as large as it can.")
    ] = "batch",
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    dtype: WeightDtypeOption = "fp32",
    mode: ModeOption = "training",
    batch_size: BatchSizeOption = 1,
    seq_len: SeqLenOption = None,
    attention: AttentionOption = "sdpa",
    amp: AmpOption = False,
    optimizer: OptimizerOption = "adamw",
    optimizer_impl: OptimizerImplOption = "auto",
    recompute: RecomputeOption = "none",
    device: RulesDeviceOption = "cpu",
    json: JsonOption = False,
) -> None:
    """Find what fits into memory: the largest batch, sequence, depth or width.

    [dim]$[/dim] gptcli fit --budget 24GiB --solve batch
    [dim]$[/dim] gptcli fit --budget 80GB --solve layers -c gpt2-xl --amp
    """
    from gptcli.analysis.fit import fit_report
    from gptcli.commands._quantities import parse_bytes
    from gptcli.render.emit import print_json, print_text

    check_dtype(dtype, tuple(BITS))
    limit = parse_bytes(budget, "--budget")
    model = resolve(config, set_values, tied).config
    options = step_options(
        model,
        seq_len,
        batch=batch_size,
        mode=mode,
        dtype=dtype,
        amp=amp,
        attention=attention,
        optimizer=optimizer,
        optimizer_impl=optimizer_impl,
        recompute=recompute,
        device=device,
    )
    report = fit_report(model, options, solve, limit)
    if json:
        print_json(report)
    else:
        from gptcli.render.fit import fit_text

        print_text(fit_text(report))
