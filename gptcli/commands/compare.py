"""``gptcli compare``."""

from typing import Annotated

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._options import AttentionOption, JsonOption, SetOption, TiedOption
from gptcli.commands._run_options import (
    AmpOption,
    BatchSizeOption,
    DtypeOption,
    OptimizerImplOption,
    OptimizerOption,
    RecomputeOption,
    RulesDeviceOption,
    SeqLenOption,
)
from gptcli.config import STDIN
from gptcli.errors import InputError

app = command_app()


@app.command(cls=common("--seq-len", "--batch-size", "--dtype", "--set", "--json"), rich_help_panel="Inspect")
def compare(
    configs: Annotated[list[str], typer.Argument(metavar="A B [C...]", help="Presets, files, folders, or one -.")],
    set_values: SetOption = None,
    tied: TiedOption = None,
    dtype: DtypeOption = "fp32",
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
    """Put models side by side: sizes, parameters, memory, FLOPs; what differs is marked.

    [dim]$[/dim] gptcli compare gpt2-124m gpt2
    [dim]$[/dim] gptcli compare gpt2 gpt2-medium gpt2-large gpt2-xl -t 512
    """
    from gptcli.analysis.compare import compare_report
    from gptcli.analysis.workload import Workload
    from gptcli.api.configs import described
    from gptcli.api.runs import on_this_processor
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.errors import print_note

    if len(configs) < 2:
        raise InputError(f"compare takes two models or more, e.g. gptcli compare {configs[0]} gpt2-medium")
    if configs.count(STDIN) > 1:
        raise InputError("standard input can be read only once; name a file for one of the '-'")
    models = [described(config, set_values, tied, attention, note=print_note) for config in configs]
    options = Workload(
        batch=batch_size,
        tokens=1,
        dtype=dtype,
        amp=amp,
        attention=attention,
        optimizer=optimizer,
        optimizer_impl=optimizer_impl,
        recompute=recompute,
        device=device,
    )
    report = compare_report(models, on_this_processor(options), seq_len)
    if json:
        print_json(report)
    else:
        from gptcli.render.compare import compare_text

        print_text(compare_text(report))
