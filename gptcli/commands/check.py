"""``gptcli check``: somebody's own GPT held against ours."""

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
    is_typed,
    resolve,
)
from gptcli.config import DEFAULT_CONFIG, ModelConfig, ResolvedConfig
from gptcli.errors import GptcliError
from gptcli.reports.check import CheckReport

app = command_app()

_FP64_BYTES = 8
_MOST_SECONDS = 999_999


@app.command(cls=common("--config", "--set", "--seed", "--json"), rich_help_panel="Run")
def check(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(metavar="FILE:NAME", help="A Python file, and a class or function in it.", show_default=False),
    ],
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT]",
            help="What to run, or - for standard input.",
            show_default="random tokens",
        ),
    ] = None,
    allow_special: AllowSpecialOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Of the weights it draws, and of random tokens.")
    ] = 123,
    time_limit: Annotated[
        int,
        typer.Option(
            metavar="SECONDS",
            min=0,
            max=_MOST_SECONDS,
            help="For the whole run; 0 sets none.",
            rich_help_panel="Run",
        ),
    ] = 600,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Hold your own GPT against ours: name the first step that departs; exit with 1 where one does.

    [dim]$[/dim] gptcli check my_gpt.py:GPTModel
    [dim]$[/dim] gptcli check my_gpt.py:make_model "Every effort moves you" -c tiny

    This runs the code in the file, in a process of its own: check no file that
    you would not run. A process that ends without a verdict has not passed.

    A class is called with the lecture's dictionary of the config: vocab_size,
    context_length, emb_dim, n_heads, n_layers, drop_rate, qkv_bias. A function is
    called without arguments; without -c the sizes are read off its parameters.
    Name the modules as the lecture, nanoGPT or transformers name them. Ours gets
    their weights, and both run in evaluation mode.
    """
    from gptcli.commands._check import checked_apart
    from gptcli.model.check.target import parse_target
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.progress import working

    where = parse_target(target)
    given = _given_text(text, config)
    resolved = resolve(config, set_values, tied) if is_typed(ctx, "config") else None

    def asked(is_class: bool) -> ResolvedConfig | None:
        return resolved or (resolve(config, set_values, tied) if is_class else None)

    def encode(model: ModelConfig) -> list[int]:
        from gptcli.commands._ids import encode_batch

        assert given is not None
        return encode_batch([given], model, allow_special=allow_special, names=["the text"])[0]

    if resolved is not None and given is not None:
        encode(resolved.config)  # refuses a text that the model cannot take before their file is run

    def judge() -> CheckReport:
        from gptcli.model.check.run import CheckRequest, run_check

        request = CheckRequest(
            config=asked,
            set_values=tuple(set_values or ()),
            tied=tied,
            seed=seed,
            encode=None if given is None else encode,
            admit=(lambda _model: None) if force else _check_memory,
        )
        return run_check(where, request)

    report = checked_apart(str(where), judge, time_limit or None, working(f"Running {where} and ours"))
    if json:
        print_json(report)
    else:
        from gptcli.render.check import check_text

        print_text(check_text(report))
    if not report.ok:
        raise typer.Exit(1)


def _given_text(text: str | None, config: str) -> str | None:
    from gptcli.commands._texts import read_texts

    return None if text is None else read_texts([text], None, config=config)[0]


def _check_memory(model: ModelConfig) -> None:
    """Refuse a model that cannot fit twice, before anything of it is built."""
    from gptcli.analysis.params import count_parameters
    from gptcli.model.device import free_bytes
    from gptcli.render.units import binary

    need, free = 2 * _FP64_BYTES * count_parameters(model), free_bytes("cpu")
    if need > free:
        raise GptcliError(
            f"{model.name} twice in double precision needs {binary(need)}, {binary(free)} are free; "
            "take a smaller model, as with -c tiny, or try it all the same with --force"
        )
