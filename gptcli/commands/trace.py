"""``gptcli trace``."""

from contextlib import ExitStack
from typing import Annotated

import typer
from msgspec.structs import replace

from gptcli.commands._app import command_app, common
from gptcli.commands._options import (
    AllowSpecialOption,
    AttentionOption,
    ComputeDtypeOption,
    ConfigOption,
    DeviceOption,
    DropoutOption,
    FileOption,
    ForceOption,
    InitOption,
    JsonOption,
    LossOption,
    OpenedOption,
    SeedOption,
    SetOption,
    TargetsOption,
    TextsArgument,
    ThreadsOption,
    TiedOption,
    TokenIdsOption,
    TokenizerOption,
    TopOption,
)
from gptcli.commands._weights_option import WeightsOption, choose_model
from gptcli.config import DEFAULT_CONFIG
from gptcli.errors import InputError

app = command_app()

_LIST = "list"


@app.command(cls=common("--config", "--weights", "--block", "--tensor", "--html"), rich_help_panel="Run")
def trace(
    context: typer.Context,
    texts: TextsArgument = None,
    files: FileOption = None,
    token_ids: TokenIdsOption = None,
    tokenizer: TokenizerOption = None,
    allow_special: AllowSpecialOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    set_values: SetOption = None,
    tied: TiedOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    dtype: ComputeDtypeOption = "fp32",
    threads: ThreadsOption = None,
    seed: SeedOption = 123,
    init: InitOption = None,
    dropout: DropoutOption = False,
    attention: AttentionOption = "explicit",
    top: TopOption = 5,
    loss: LossOption = False,
    targets: TargetsOption = None,
    block: Annotated[
        str | None,
        typer.Option(
            metavar="N|all",
            help="The block that is shown, from 0.",
            show_default="0",
            rich_help_panel="Output",
        ),
    ] = None,
    depth: OpenedOption = 3,
    tensor: Annotated[
        str | None,
        typer.Option(metavar="PATH|list", help="Print the output of a step, or all paths.", rich_help_panel="Output"),
    ] = None,
    attention_map: Annotated[
        bool,
        typer.Option("--attention-map", help="Draw who looks at whom in --block.", rich_help_panel="Output"),
    ] = False,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="N|all",
            help="The head of the map, from 0.",
            show_default="0",
            rich_help_panel="Output",
        ),
    ] = None,
    logit_lens: Annotated[
        bool,
        typer.Option("--logit-lens", help="Apply the output head after each block.", rich_help_panel="Output"),
    ] = False,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write ids and all outputs, as .safetensors.",
            rich_help_panel="Output",
        ),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.html",
            help="Write a page to explore the run with.",
            rich_help_panel="Output",
        ),
    ] = None,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Show what every step of a run did to the numbers: shape, mean, extremes, time.

    [dim]$[/dim] gptcli trace "Every effort moves you"
    [dim]$[/dim] gptcli trace "Every effort moves you" --html page.html
    """
    from gptcli.analysis.flow import flow_report
    from gptcli.analysis.workload import Workload
    from gptcli.api.encoding import pad_id
    from gptcli.api.inputs import inputs_of, read_given
    from gptcli.api.need import refuse_too_large
    from gptcli.api.outputs import check_page, check_save
    from gptcli.api.page import studies
    from gptcli.api.targets import wanted_targets
    from gptcli.api.trace import all_of_it, check_path, numbers_asked
    from gptcli.commands._notes import note_all
    from gptcli.files import expect_outputs, replaced_file
    from gptcli.model.device import resolve_device
    from gptcli.render.emit import print_json, print_text, write_text
    from gptcli.render.progress import working

    check_save(save)
    check_page(html)
    if head is not None and not attention_map:
        raise InputError("--head says whose map is drawn; add --attention-map")
    if attention_map and attention == "sdpa":
        raise InputError("--attention-map needs the weights, which --attention sdpa never shows; leave it at explicit")
    if html is not None and (attention_map or logit_lens or tensor is not None):
        raise InputError("--html writes every map and the lens; leave out --attention-map, --logit-lens and --tensor")
    expect_outputs(save, html)
    if tensor == _LIST:
        if json:
            raise InputError("--tensor list prints the paths as text; 'gptcli flow --json' has them as JSON")
        from gptcli.render.trace import paths_text

        network = choose_model(context, weights, config, set_values, tied, init=init, attention=attention).network
        print_text(paths_text(flow_report(network, batch=1, tokens=1)))
        return
    given = read_given(texts, files, token_ids, config=config)
    chosen = choose_model(context, weights, config, set_values, tied, init=init, attention=attention)
    model = chosen.config
    inputs = inputs_of(given, chosen, tokenizer=tokenizer, allow_special=allow_special)
    batch = inputs.batch
    wanted = wanted_targets(
        inputs, model, loss=loss, targets=targets, allow_special=allow_special, stored=chosen.weights is not None
    )
    note_all(inputs.notes)
    blocks = numbers_asked("block", block, model.n_layers, model.name)
    heads = numbers_asked("head", head, model.n_heads, model.name)
    tokens = max(map(len, batch))
    flow = flow_report(
        chosen.network,
        batch=len(batch),
        tokens=tokens,
        dtype=dtype,
        texts=inputs.tokens(),
    )
    check_path(tensor, flow)
    with ExitStack() as stack:
        target = stack.enter_context(replaced_file(save)) if save is not None else None
        page = stack.enter_context(replaced_file(html)) if html is not None else None
        where = resolve_device(device)
        if not force:
            run = Workload(
                batch=len(batch), tokens=tokens, dtype=dtype, dropout=dropout, attention=attention, device=where
            )
            refuse_too_large(chosen.network, [run])
        stack.enter_context(working(f"Building {model.name} and tracing it on {where}"))
        from gptcli.model.forward import ForwardOptions
        from gptcli.model.trace import TraceOptions, run_trace

        options = ForwardOptions(
            device=where,
            dtype=dtype,
            threads=threads,
            seed=seed,
            init=model.init,
            attention=attention,
            dropout=dropout,
            top=top,
        )
        asked = TraceOptions(
            tensor=tensor, map_blocks=blocks if attention_map else (), map_heads=heads, lens=logit_lens
        )
        if page is not None:
            asked = all_of_it(flow)
        report = run_trace(
            chosen.network,
            flow,
            batch,
            options,
            asked,
            pad_id=pad_id(model, inputs.tokenizer),
            token_text=inputs.token_text,
            targets=wanted,
            save=target,
            checkpoint=chosen.checkpoint,
        )
        if page is not None:
            from gptcli.render.page.document import draw

            write_text(draw(report, studies(chosen.network, report)), page)
            report = replace(report, attention_maps=None, logit_lens=None)
        sizes = [file.stat().st_size if file is not None else 0 for file in (target, page)]

    if json:
        print_json(report)
    else:
        from gptcli.render.run_facts import Written
        from gptcli.render.trace import Shown, trace_text

        saved, drawn = (
            Written(name, size) if name is not None else None for name, size in zip((save, html), sizes, strict=True)
        )
        shown = Shown(None if block is None else blocks, depth)
        print_text(trace_text(report, shown, inputs.token_of, saved=saved, page=drawn))
