"""``gptcli forward``."""

from contextlib import ExitStack
from typing import Annotated, Any, Literal

import typer

from gptcli.architecture.dtypes import COMPUTE_DTYPES, check_dtype
from gptcli.commands._app import command_app
from gptcli.commands._options import (
    AllowSpecialOption,
    AttentionOption,
    ConfigOption,
    FileOption,
    JsonOption,
    SetOption,
    TextsArgument,
    TiedOption,
    resolve,
)
from gptcli.commands._texts import read_texts, text_names
from gptcli.config import DEFAULT_CONFIG, InitScheme, ModelConfig
from gptcli.errors import GptcliError

app = command_app()


_MAX_SEED = 2**64 - 1


@app.command(rich_help_panel="Run")
def forward(
    texts: TextsArgument = None,
    files: FileOption = None,
    allow_special: AllowSpecialOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="auto takes CUDA where there is a card.")
    ] = "auto",
    dtype: Annotated[str, typer.Option(metavar="fp32|fp16|bf16", help="Of weights and activations.")] = "fp32",
    seed: Annotated[int, typer.Option(min=0, max=_MAX_SEED, help="Of the random weights.")] = 123,
    init: Annotated[
        InitScheme | None,
        typer.Option(
            help="How weights are drawn: as PyTorch's constructors do, or as OpenAI did.  "
            "[dim]\\[default: the config's, torch][/dim]",
            show_default=False,
        ),
    ] = None,
    dropout: Annotated[bool, typer.Option("--dropout", help="Run with dropout on, as in training mode.")] = False,
    attention: AttentionOption = "sdpa",
    top: Annotated[int, typer.Option("--top", min=1, max=1000, help="Candidates shown for the next token.")] = 5,
    save: Annotated[str | None, typer.Option(metavar="FILE.safetensors", help="Write ids and logits there.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run even if the memory seems too small.")] = False,
    json: JsonOption = False,
) -> None:
    """Run texts through the network and show the shape at every stage, the logits, the next-token guesses.

    [dim]$[/dim] gptcli forward "Every effort moves you"
    [dim]$[/dim] gptcli forward "Every effort moves you" "Every day holds a" -c gpt2-medium
    """
    from gptcli.commands._ids import encode_batch, pad_id, token_text
    from gptcli.files import replaced_file
    from gptcli.model.device import resolve_device
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.progress import working

    check_dtype(dtype, COMPUTE_DTYPES)
    given = read_texts(texts, files, config=config)
    model = resolve(config, set_values, tied, init=init).config
    batch = encode_batch(given, model, allow_special=allow_special, names=text_names(texts, files))
    with ExitStack() as stack:
        target = stack.enter_context(replaced_file(save)) if save is not None else None
        where = resolve_device(device)
        if not force:
            run = {"dtype": dtype, "attention": attention, "dropout": dropout}
            _check_memory(model, batch, run, where)
        stack.enter_context(working(f"Building {model.name} and running it on {where}"))
        from gptcli.model.forward import ForwardOptions, run_forward

        options = ForwardOptions(
            device=where, dtype=dtype, seed=seed, init=model.init, attention=attention, dropout=dropout, top=top
        )
        report = run_forward(model, batch, options, pad_id=pad_id(model), token_text=token_text, save=target)

    if json:
        print_json(report)
    else:
        from gptcli.render.forward import forward_text
        from gptcli.tokenizer import token_of

        print_text(forward_text(report, token_of, saved=save))


def _check_memory(config: ModelConfig, batch: list[list[int]], options: dict[str, Any], device: str) -> None:
    """Refuse a run that cannot fit, before anything is built."""
    from gptcli.analysis.forward_need import forward_need_bytes
    from gptcli.analysis.step import StepOptions
    from gptcli.model.device import free_bytes
    from gptcli.render.units import binary

    run = StepOptions(batch=len(batch), tokens=max(map(len, batch)), device=device, **options)
    need, free = forward_need_bytes(config, run), free_bytes(device)
    if need > free:
        raise GptcliError(
            f"{config.name} needs {binary(need)} in {run.dtype} for weights and activations, {binary(free)} are free "
            f"on {device}; take a smaller model or --dtype bf16, or try it all the same with --force"
        )
