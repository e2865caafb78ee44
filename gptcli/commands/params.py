"""``gptcli params``."""

from typing import Annotated

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._options import ConfigOption, JsonOption, SetOption, TiedOption
from gptcli.commands._run_options import ExplainOption
from gptcli.config import DEFAULT_CONFIG

app = command_app()


@app.command(cls=common("--config", "--tied", "--depth", "--why", "--json"), rich_help_panel="Inspect")
def params(
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    depth: Annotated[
        int, typer.Option("--depth", "-d", min=1, max=4, help="1: network, 2: block, 3: its parts, 4: tensors.")
    ] = 3,
    conventions: Annotated[
        bool,
        typer.Option(
            "--conventions", help="List every way of counting in use, and who uses it.", rich_help_panel="Output"
        ),
    ] = False,
    why: Annotated[str | None, typer.Option(metavar="NUMBER", help="Say what 137M or 163009536 counts.")] = None,
    explain: ExplainOption = False,
    budget: Annotated[
        str | None,
        typer.Option(metavar="COUNT", help="Exit with 1 if there are more, e.g. 130M.", rich_help_panel="Output"),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Count parameters part by part, with and without weight tying.

    [dim]$[/dim] gptcli params --tied
    [dim]$[/dim] gptcli params -c gpt2-xl --depth 1
    [dim]$[/dim] gptcli params --why 137M
    """
    from msgspec.structs import replace

    from gptcli.api.budget import hold, refuse_over_budget
    from gptcli.api.configs import described
    from gptcli.api.params import counted
    from gptcli.api.quantities import parse_count, parse_rounded_count
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.errors import print_note
    from gptcli.render.units import COUNT_SCALES

    limit = None if budget is None else parse_count(budget, "--budget")
    network = described(config, set_values, tied, note=print_note)
    number = None if why is None else parse_rounded_count(why, "--why")
    report = counted(network, list_weights=json, conventions=conventions, why=number, explain=explain)
    report = replace(report, budget=hold(limit, report.total))

    if json:
        print_json(report)
    else:
        from gptcli.render.params import params_text

        print_text(params_text(report, depth, why))
    refuse_over_budget(report.budget, "parameters", COUNT_SCALES)
