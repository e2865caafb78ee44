"""``gptcli flops``."""

from typing import Annotated

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._options import AttentionOption, ConfigOption, JsonOption, SetOption, TiedOption
from gptcli.commands._run_options import BatchSizeOption, ExplainOption, SeqLenOption
from gptcli.config import DEFAULT_CONFIG

app = command_app()


@app.command(
    cls=common("--config", "--batch-size", "--seq-len", "--tokens-per-second", "--peak-tflops"),
    rich_help_panel="Inspect",
)
def flops(
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    batch_size: BatchSizeOption = 1,
    seq_len: SeqLenOption = None,
    attention: AttentionOption = "sdpa",
    tokens_per_second: Annotated[
        str | None, typer.Option(metavar="SPEED", help="Training speed reached, for the MFU.", rich_help_panel="Run")
    ] = None,
    peak_tflops: Annotated[
        str | None,
        typer.Option(metavar="TFLOPS", help="The machine's peak, in 10^12 FLOPs/s.", rich_help_panel="Run"),
    ] = None,
    explain: ExplainOption = False,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="FLOPS",
            help="Exit with 1 if a training step takes more, e.g. 1e12 or 2.5P.",
            rich_help_panel="Output",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Count floating-point operations: of a pass, a training step and generation, by every convention.

    [dim]$[/dim] gptcli flops
    [dim]$[/dim] gptcli flops -c gpt2-xl --tokens-per-second 14000 --peak-tflops 312
    """
    from msgspec.structs import replace

    from gptcli.analysis.flops import flops_report, throughput
    from gptcli.api.budget import hold, refuse_over_budget
    from gptcli.api.configs import described
    from gptcli.api.quantities import parse_flops, parse_peak, parse_speed
    from gptcli.commands._notes import note_all
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.errors import print_note
    from gptcli.render.units import FLOP_SCALES

    limit = None if budget is None else parse_flops(budget, "--budget")
    speed = None if tokens_per_second is None else parse_speed(tokens_per_second, "--tokens-per-second")
    peak = None if peak_tflops is None else parse_peak(peak_tflops, "--peak-tflops")
    reached = throughput(speed, peak)
    network = described(config, set_values, tied, attention, note=print_note)
    tokens = network.config.context_length if seq_len is None else seq_len
    report = flops_report(network, batch=batch_size, tokens=tokens, reached=reached, explain=explain)
    report = replace(report, budget=hold(limit, report.training_flops))

    note_all(report.notes)
    if json:
        print_json(report)
    else:
        from gptcli.render.flops import flops_text

        print_text(flops_text(report, speed, peak))
    refuse_over_budget(report.budget, "FLOPs in a training step", FLOP_SCALES)
