"""``gptcli generate``."""

import sys
from typing import Annotated

import typer

from gptcli.commands._app import command_app, common
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
    ThreadsOption,
    TiedOption,
    TokenIdsOption,
    TokenizerOption,
)
from gptcli.commands._sampling_options import TemperatureOption, TopKOption, TopPOption
from gptcli.commands._weights_option import WeightsOption, choose_model
from gptcli.config import DEFAULT_CONFIG

app = command_app()

_MOST_TOKENS = 2**20


@app.command(cls=common("--max-new-tokens", "--temperature", "--top-k", "--config", "--weights"), rich_help_panel="Run")
def generate(
    context: typer.Context,
    prompts: TextsArgument = None,
    files: FileOption = None,
    token_ids: TokenIdsOption = None,
    tokenizer: TokenizerOption = None,
    allow_special: AllowSpecialOption = False,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", "-n", metavar="N", min=1, max=_MOST_TOKENS, help="Tokens to add.")
    ] = 20,
    stop: Annotated[
        list[str] | None,
        typer.Option("--stop", metavar="TEXT", help="End a text before this; repeatable.", rich_help_panel="Sampling"),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    dtype: ComputeDtypeOption = "fp32",
    threads: ThreadsOption = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=MAX_SEED, help="Seed of the random weights and of the tokens drawn.", rich_help_panel="Sampling"
        ),
    ] = 123,
    init: InitOption = None,
    temperature: TemperatureOption = None,
    top_k: TopKOption = None,
    top_p: TopPOption = None,
    attention: AttentionOption = "sdpa",
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache", help="Read the whole text again for each token, as the lecture does.", rich_help_panel="Run"
        ),
    ] = False,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Continue texts token by token: the most likely one each time, or one drawn.

    [dim]$[/dim] gptcli generate "Every effort moves you"
    [dim]$[/dim] gptcli generate "Every effort" --temperature 0.8 --top-k 40 --stop "."
    """
    from gptcli.analysis.workload import Workload
    from gptcli.api.inputs import inputs_of, read_given
    from gptcli.api.need import refuse_too_large
    from gptcli.api.runs import runs_of
    from gptcli.api.sampling import check_sampling, check_stop_texts, check_stops, sampling_of
    from gptcli.commands._notes import note_all, note_long
    from gptcli.commands._streaming import continuing
    from gptcli.model.device import resolve_device
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.progress import working

    check_sampling(temperature, top_p)
    stops = stop or []
    check_stop_texts(stops)
    given = read_given(prompts, files, token_ids, config=config)
    chosen = choose_model(context, weights, config, set_values, tied, init=init, attention=attention)
    model = chosen.config
    inputs = inputs_of(given, chosen, tokenizer=tokenizer, allow_special=allow_special, any_length=True)
    batch = inputs.batch
    check_stops(stops, inputs.tokenizer)
    note_all(inputs.notes)
    where = resolve_device(device)
    if not force:
        run = Workload(
            tokens=1, mode="inference" if no_cache else "generate", dtype=dtype, attention=attention, device=where
        )
        refuse_too_large(chosen.network, runs_of(run, model.longest_text, batch, max_new_tokens))
    note_long(inputs.names, batch, model, max_new_tokens)
    from gptcli.api.generation import built, generated
    from gptcli.model.generate import GenerateOptions

    options = GenerateOptions(
        device=where,
        dtype=dtype,
        threads=threads,
        seed=seed,
        init=model.init,
        attention=attention,
        max_new_tokens=max_new_tokens,
        sampling=sampling_of(temperature, top_k, top_p),
        stop=tuple(stops),
        cached=not no_cache,
    )
    texts = inputs.prompts()
    streamed = len(texts) == 1 and not json
    with working(f"Building {model.name} on {where}"):
        network = built(chosen, options)
    if streamed:
        from gptcli.render.generate import prompt_words

        with continuing(prompt_words(*texts[0])) as write:
            report = generated(network, texts, options, tokenizer=inputs.tokenizer, write=write)
    else:
        with working("Generating"):
            report = generated(network, texts, options, tokenizer=inputs.tokenizer)
    if json:
        print_json(report)
        return
    from gptcli.render.generate import generate_facts, print_texts

    if not streamed:
        print_texts(report)
    print_text(generate_facts(report, inputs.token_of), stream=sys.stderr)
