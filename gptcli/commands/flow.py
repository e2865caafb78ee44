"""``gptcli flow``."""

from typing import TYPE_CHECKING, Annotated

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._options import (
    AllowSpecialOption,
    AttentionOption,
    ConfigOption,
    FileOption,
    JsonOption,
    OpenedOption,
    SetOption,
    TiedOption,
    TokenIdsOption,
    TokenizerOption,
    is_typed,
)
from gptcli.commands._run_options import BatchSizeOption, DtypeOption, SeqLenOption
from gptcli.config import DEFAULT_CONFIG
from gptcli.errors import InputError
from gptcli.render.flow import FORMATS, format_named

if TYPE_CHECKING:
    from gptcli.architecture import Network
    from gptcli.render.page.document import Studies
    from gptcli.reports.flow import FlowReport

app = command_app()


@app.command(cls=common("--config", "--depth", "--format", "--output", "--json"), rich_help_panel="Draw")
def flow(
    context: typer.Context,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT...", help="Texts to draw it for, or - for standard input.", show_default=False),
    ] = None,
    files: FileOption = None,
    token_ids: TokenIdsOption = None,
    tokenizer: TokenizerOption = None,
    allow_special: AllowSpecialOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    batch_size: BatchSizeOption = 1,
    seq_len: SeqLenOption = None,
    attention: AttentionOption = "explicit",
    dtype: DtypeOption = "fp32",
    depth: OpenedOption = 2,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            help="How to draw.",
            show_default="by the ending of FILE, text",
            rich_help_panel="Output",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the drawing to FILE.", rich_help_panel="Output"),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Draw the way from token ids to logits: every step, its shape in symbols and in numbers, the shortcuts.

    [dim]$[/dim] gptcli flow "Every effort moves you"
    [dim]$[/dim] gptcli flow "Every effort moves you" --depth 3 -o flow.svg
    """
    from contextlib import ExitStack

    from gptcli.analysis.flow import flow_report
    from gptcli.api.models import choose_model
    from gptcli.files import expect_outputs, replaced_file
    from gptcli.render.emit import print_json, print_text, write_text
    from gptcli.render.errors import print_note
    from gptcli.render.flow import draw

    drawing = format_named(format_, output)
    if json and (format_ is not None or output is not None):
        raise InputError("--json prints the steps, and --format and -o a drawing of them; leave one of them out")
    if (texts or files or token_ids) and (seq_len is not None or is_typed(context, "batch_size")):
        raise InputError("a text has a length of its own; leave out the text, or --batch-size and --seq-len")
    expect_outputs(output)
    chosen = choose_model(config, set_values, tied, attention=attention, note=print_note, counting=True)
    network = chosen.network
    given = None
    if texts or files or token_ids:
        from gptcli.api.inputs import inputs_of, read_given
        from gptcli.commands._notes import note_all

        inputs = inputs_of(
            read_given(texts, files, token_ids, config=config), chosen, tokenizer=tokenizer, allow_special=allow_special
        )
        note_all(inputs.notes)
        given = inputs.tokens()
    tokens = max(map(len, given)) if given else seq_len or network.config.context_length
    with ExitStack() as stack:
        target = stack.enter_context(replaced_file(output)) if output is not None else None
        report = flow_report(network, batch=len(given or ()) or batch_size, tokens=tokens, dtype=dtype, texts=given)
        if json:
            print_json(report)
            return
        page = draw(report, depth, drawing, lambda: _studies(network, report))
        if target is not None:
            write_text(page, target)
        else:
            print_text(page.removesuffix("\n") if isinstance(page, str) else page, wrap=not isinstance(page, str))


def _studies(network: "Network", report: "FlowReport") -> "Studies":
    """Return the studies that a page shows beside the steps; other drawings need none."""
    from gptcli.api.page import studies

    return studies(network, report)
