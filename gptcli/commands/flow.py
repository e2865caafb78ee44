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
    is_typed,
    resolve,
)
from gptcli.commands._run_options import BatchSizeOption, DtypeOption, SeqLenOption
from gptcli.config import DEFAULT_CONFIG, ModelConfig
from gptcli.errors import InputError
from gptcli.render.flow import FORMATS, format_named

if TYPE_CHECKING:
    from gptcli.reports.tokens import Token

app = command_app()


@app.command(cls=common("--config", "--depth", "--format", "--output", "--json"), rich_help_panel="Draw")
def flow(
    context: typer.Context,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT...", help="Texts to draw it for, or - for standard input.", show_default=False),
    ] = None,
    files: FileOption = None,
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
        typer.Option("--output", "-o", metavar="FILE", help="Write the drawing there.", rich_help_panel="Output"),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Draw the way from token ids to logits: every step, its shape in symbols and in numbers, the shortcuts.

    [dim]$[/dim] gptcli flow "Every effort moves you"
    [dim]$[/dim] gptcli flow "Every effort moves you" --depth 3 -o flow.svg
    """
    from contextlib import ExitStack

    from gptcli.analysis.flow import flow_report
    from gptcli.commands._page import studies
    from gptcli.files import expect_outputs, replaced_file
    from gptcli.render.emit import print_json, print_text, write_text
    from gptcli.render.flow import draw

    chosen = format_named(format_, output)
    if json and (format_ is not None or output is not None):
        raise InputError("--json prints the steps, and --format and -o a drawing of them; leave one of them out")
    if (texts or files) and (seq_len is not None or is_typed(context, "batch_size")):
        raise InputError("a text has a length of its own; leave out the text, or --batch-size and --seq-len")
    expect_outputs(output)
    model = resolve(config, set_values, tied).config
    given = _tokens(texts, files, model, config=config, allow_special=allow_special) if texts or files else None
    tokens = max(map(len, given)) if given else seq_len or model.context_length
    with ExitStack() as stack:
        target = stack.enter_context(replaced_file(output)) if output is not None else None
        report = flow_report(
            model, batch=len(given or ()) or batch_size, tokens=tokens, attention=attention, dtype=dtype, texts=given
        )
        if json:
            print_json(report)
            return
        page = draw(report, depth, chosen, lambda: studies(report))
        if target is not None:
            write_text(page, target)
        else:
            print_text(page.removesuffix("\n") if isinstance(page, str) else page, wrap=not isinstance(page, str))


def _tokens(
    texts: list[str] | None, files: list[str] | None, model: ModelConfig, *, config: str, allow_special: bool
) -> "list[list[Token]]":
    """Return the tokens of each text that the model can take."""
    from gptcli.commands._ids import encode_batch
    from gptcli.commands._texts import read_texts, text_names
    from gptcli.tokenizer import token_of

    given = read_texts(texts, files, config=config)
    batch = encode_batch(given, model, allow_special=allow_special, names=text_names(texts, files))
    return [[token_of(token_id) for token_id in ids] for ids in batch]
