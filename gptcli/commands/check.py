"""``gptcli check``: somebody's own network compared with ours."""

from typing import Annotated

import typer

from gptcli.commands._app import command_app, common
from gptcli.commands._options import (
    MAX_SEED,
    AllowSpecialOption,
    ConfigOption,
    ForceOption,
    JsonOption,
    SetOption,
    TiedOption,
    TokenIdsOption,
    TokenizerOption,
    is_typed,
)
from gptcli.config import DEFAULT_CONFIG

app = command_app()

_MOST_SECONDS = 999_999


@app.command(cls=common("--config", "--set", "--seed", "--json"), rich_help_panel="Run")
def check(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE:NAME",
            help="A Python file, or a module as pkg.net.gpt, and a class or function in it.",
            show_default=False,
        ),
    ],
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT]",
            help="The text to run, or - for standard input.",
            show_default="random tokens",
        ),
    ] = None,
    token_ids: TokenIdsOption = None,
    tokenizer: TokenizerOption = None,
    allow_special: AllowSpecialOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of its weights and of random tokens.")] = 123,
    timeout: Annotated[
        int,
        typer.Option(
            metavar="SECONDS",
            min=0,
            max=_MOST_SECONDS,
            help="Limit of their code at one stretch, to be loaded, built or run once; 0 sets none.",
            rich_help_panel="Run",
        ),
    ] = 60,
    time_limit: Annotated[
        int,
        typer.Option(
            metavar="SECONDS",
            min=0,
            max=_MOST_SECONDS,
            help="Limit of the whole run; 0 sets none.",
            rich_help_panel="Run",
        ),
    ] = 600,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Compare your own GPT, Llama, Qwen or Gemma with ours: name the first step that departs; exit 1 where one does.

    [dim]$[/dim] gptcli check my_gpt.py:GPTModel
    [dim]$[/dim] gptcli check my_gpt.py:make_model "Every effort moves you" -c tiny

    This runs the code in the file, in a process of its own: check no file that
    you would not run. A process that ends without a verdict has not passed. Of what
    stands below the class only definitions are run, and what the class reads.

    A class is called as it wants: with the lecture's dictionary of the config
    (vocab_size, context_length, emb_dim, ...) laid over its file's own; with the
    config class of its file or package; with keywords by their meaning (n_embd,
    d_model, hidden_size, ...); or with nothing. A function is called without
    arguments. Without -c the lecture's dictionary is GPT-2's, and other classes keep
    their own defaults; what has none is small. Sizes are then read off the
    parameters; a later decoder's config is what the model keeps as cfg or config,
    or the one dictionary that its file has.
    Name the modules as the lecture, nanoGPT or transformers name them. Ours gets
    their weights, and both run in evaluation mode.
    """
    from gptcli.api.checking import check_network
    from gptcli.api.inputs import read_one
    from gptcli.model.check.target import parse_target
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.errors import print_note
    from gptcli.render.progress import working

    where = parse_target(target)
    report = check_network(
        where,
        read_one(text, token_ids, config=config),
        config,
        set_values or (),
        tied,
        config_given=is_typed(ctx, "config"),
        tokenizer=tokenizer,
        allow_special=allow_special,
        note=print_note,
        seed=seed,
        force=force,
        limit=time_limit or None,
        at_once=timeout or None,
        waiting=working(f"Running {where} and ours"),
    )
    if json:
        print_json(report)
    else:
        from gptcli.render.check import check_text

        print_text(check_text(report))
    if not report.ok:
        raise typer.Exit(1)
