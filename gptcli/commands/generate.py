"""``gptcli generate``."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from gptcli.architecture.dtypes import COMPUTE_DTYPES, check_dtype
from gptcli.commands._app import command_app
from gptcli.commands._options import (
    MAX_SEED,
    AllowSpecialOption,
    AttentionOption,
    ComputeDtypeOption,
    ConfigOption,
    DeviceOption,
    FileOption,
    ForceOption,
    InitOption,
    JsonOption,
    SetOption,
    TextsArgument,
    TiedOption,
)
from gptcli.commands._sampling import (
    TemperatureOption,
    TopKOption,
    TopPOption,
    check_sampling,
    check_stops,
    sampling_of,
)
from gptcli.commands._texts import read_texts, text_names
from gptcli.commands._weights import ChosenModel, WeightsOption, choose_model
from gptcli.config import DEFAULT_CONFIG, ModelConfig

if TYPE_CHECKING:
    from gptcli.analysis.step import StepOptions
    from gptcli.model.generate import GenerateOptions
    from gptcli.reports import GenerateReport

app = command_app()

_MOST_TOKENS = 2**20


@app.command(rich_help_panel="Run")
def generate(
    context: typer.Context,
    prompts: TextsArgument = None,
    files: FileOption = None,
    allow_special: AllowSpecialOption = False,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", "-n", metavar="N", min=1, max=_MOST_TOKENS, help="Tokens to add.")
    ] = 20,
    stop: Annotated[
        list[str] | None,
        typer.Option("--stop", metavar="TEXT", help="End a text before this; repeatable."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    dtype: ComputeDtypeOption = "fp32",
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Of the random weights and of what is drawn.")] = 123,
    init: InitOption = None,
    temperature: TemperatureOption = None,
    top_k: TopKOption = None,
    top_p: TopPOption = None,
    attention: AttentionOption = "sdpa",
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Read the whole text again for every token, as the lecture does.")
    ] = False,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Continue texts token by token: the most likely one each time, or one drawn.

    [dim]$[/dim] gptcli generate "Every effort moves you"
    [dim]$[/dim] gptcli generate "Every effort" --temperature 0.8 --top-k 40 --stop "."
    """
    from gptcli.analysis.step import StepOptions
    from gptcli.commands._ids import encode_batch
    from gptcli.commands._need import refuse_too_large
    from gptcli.model.device import resolve_device
    from gptcli.render.emit import print_json, print_text

    check_dtype(dtype, COMPUTE_DTYPES)
    check_sampling(temperature, top_p)
    stops = stop or []
    check_stops(stops)
    given = read_texts(prompts, files, config=config)
    chosen = choose_model(context, weights, config, set_values, tied, init=init)
    model = chosen.config
    names = text_names(prompts, files)
    batch = encode_batch(given, model, allow_special=allow_special, names=names, any_length=True)
    where = resolve_device(device)
    if not force:
        run = StepOptions(
            tokens=1, mode="inference" if no_cache else "generate", dtype=dtype, attention=attention, device=where
        )
        refuse_too_large(model, _runs(run, model.context_length, batch, max_new_tokens))
    _note_cropped(names, batch, model)
    from gptcli.model.generate import GenerateOptions

    options = GenerateOptions(
        device=where,
        dtype=dtype,
        seed=seed,
        init=model.init,
        attention=attention,
        max_new_tokens=max_new_tokens,
        sampling=sampling_of(temperature, top_k, top_p),
        stop=tuple(stops),
        cached=not no_cache,
    )
    streamed = len(given) == 1 and not json
    report = _run(chosen, list(zip(given, batch, strict=True)), options, streamed=streamed)
    if json:
        print_json(report)
        return
    from gptcli.render.generate import generate_facts, print_texts
    from gptcli.tokenizer import SIZE

    if not streamed:
        print_texts(report)
    print_text(generate_facts(report, SIZE), stream=sys.stderr)


def _run(
    chosen: ChosenModel, prompts: list[tuple[str, list[int]]], options: "GenerateOptions", *, streamed: bool
) -> "GenerateReport":
    """Build and generate; print prompt and text as they come where they are ``streamed``."""
    from functools import partial
    from time import perf_counter

    from gptcli.model.forward import build
    from gptcli.model.generate import run_generate
    from gptcli.render.emit import print_piece
    from gptcli.render.progress import working
    from gptcli.tokenizer import TextStream

    started = perf_counter()
    with working(f"Building {chosen.config.name} on {options.device}"):
        network = build(chosen.config, options, chosen.checkpoint)
    build_seconds = perf_counter() - started
    spellers = [TextStream(options.stop, print_piece if streamed else None) for _ in prompts]
    run = partial(
        run_generate,
        network,
        prompts,
        options,
        spellers,
        build_seconds=build_seconds,
        end_ids=chosen.weights.end_ids if chosen.weights else frozenset(),
        checkpoint=chosen.checkpoint,
    )
    if not streamed:
        with working("Generating"):
            return run()
    print_piece(prompts[0][0], prominent=True)
    try:
        return run()
    finally:
        print_piece("\n")


def _runs(run: "StepOptions", context: int, batch: list[list[int]], new: int) -> "Iterator[StepOptions]":
    """Yield what runs one after the other: texts of equal length together, up to the length they can reach."""
    from collections import Counter

    from msgspec.structs import replace

    for length, amount in Counter(min(len(ids), context) for ids in batch).items():
        yield replace(run, batch=amount, tokens=min(length + new, context))


def _note_cropped(names: list[str], batch: list[list[int]], config: ModelConfig) -> None:
    from gptcli.render.errors import print_note

    for name, ids in zip(names, batch, strict=True):
        if len(ids) > config.context_length:
            print_note(
                f"{name} has {len(ids):,} tokens, over the context length {config.context_length:,} of {config.name}; "
                f"the network sees the last {config.context_length:,}"
            )
