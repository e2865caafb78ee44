"""``gptcli config``: list, show and validate model configs; schemas of what goes in and out."""

from typing import Annotated

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._options import ConfigOption, JsonOption, SetOption, TiedOption, is_typed
from gptcli.config import DEFAULT_CONFIG
from gptcli.errors import InputError, InputProblemsError

app = command_app()


@app.callback(rich_help_panel="Configure", no_args_is_help=True)
def config() -> None:
    """List, show, validate and translate model configs; print JSON Schemas.

    [dim]$[/dim] gptcli config list
    [dim]$[/dim] gptcli config validate my_model.yaml
    """


@app.command("list", cls=common("--json"))
def list_(json: JsonOption = False) -> None:
    """List the presets and how they differ, a line each.

    [dim]$[/dim] gptcli config list
    [dim]$[/dim] gptcli config list --json
    """
    from gptcli.api.configs import listed_presets
    from gptcli.render.emit import print_json, print_text

    report = listed_presets()

    if json:
        print_json(report)
    else:
        from gptcli.render.config import config_list_text

        print_text(config_list_text(report))


@app.command(cls=common("--set", "--tied", "--config", "--all", "--json"))
def show(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME|PATH|-", help="The same as --config.", show_default=False)
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    every_key: Annotated[
        bool, typer.Option("--all", help="List keys too that say what GPT-2 has anyway.", rich_help_panel="Output")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Print the resolved config as YAML, with the place each value came from.

    [dim]$[/dim] gptcli config show gpt2 --set n_layers=24
    [dim]$[/dim] gptcli config show path/to/config.json > my_model.yaml
    """
    from gptcli.api.configs import resolve
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.errors import print_note
    from gptcli.reports.config import ConfigShowReport

    if name is not None and is_typed(context, "config"):
        raise InputError("the config is given twice, as an argument and with --config; give it once")
    resolved = resolve(config if name is None else name, set_values, tied, note=print_note, counting=True)
    report = ConfigShowReport(config=resolved.config, sources=resolved.sources)

    if json:
        print_json(report)
    else:
        from gptcli.render.config import config_show_text

        print_text(config_show_text(report, every_key=every_key), wrap=False)


@app.command(cls=common("--json"))
def validate(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="YAML or JSON files, folders with config.json, or -.")
    ],
    json: JsonOption = False,
) -> None:
    """Check config files and name every problem of each, with its line.

    [dim]$[/dim] gptcli config validate my_model.yaml
    [dim]$[/dim] gptcli config validate configs/*.yaml path/to/config.json
    """
    from gptcli.api.configs import validated
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.errors import print_note

    report, problems = validated(paths, print_note)

    if problems and json:
        raise InputProblemsError(problems)
    if json:
        print_json(report)
    else:
        from gptcli.render.config import config_validate_text

        print_text(config_validate_text(report))

    if problems:
        raise InputProblemsError(problems)


@app.command(cls=common("--json"))
def schema(
    command: Annotated[
        str | None,
        typer.Argument(metavar="COMMAND", help="Print the schema of its --json output.", show_default=False),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Changes nothing: a schema is JSON anyway.", rich_help_panel="Output")
    ] = False,
) -> None:
    """Print the JSON Schema of configs, or of what a command prints with --json.

    [dim]$[/dim] gptcli config schema > gptcli.schema.json
    [dim]$[/dim] gptcli config schema params
    """
    from gptcli.render.emit import print_json
    from gptcli.render.schema import config_schema, report_schema

    print_json(config_schema() if command is None else report_schema(command))
