"""``gptcli forward``."""

from contextlib import ExitStack
from typing import Annotated

import typer

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

app = command_app()


@app.command(cls=common("--config", "--weights", "--top", "--loss", "--json"), rich_help_panel="Run")
def forward(
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
    attention: AttentionOption = "sdpa",
    top: TopOption = 5,
    loss: LossOption = False,
    targets: TargetsOption = None,
    save: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write ids and logits, as .safetensors.", rich_help_panel="Output"),
    ] = None,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Run texts through the network: the shape at every stage, the logits, the next tokens.

    [dim]$[/dim] gptcli forward "Every effort moves you"
    [dim]$[/dim] gptcli forward "Every effort moves you" "Every day holds a" -c gpt2-medium
    """
    from gptcli.analysis.workload import Workload
    from gptcli.api.encoding import pad_id
    from gptcli.api.inputs import inputs_of, read_given
    from gptcli.api.need import refuse_too_large
    from gptcli.api.outputs import check_save
    from gptcli.api.targets import wanted_targets
    from gptcli.commands._notes import note_all, note_not_finite
    from gptcli.files import expect_outputs, replaced_file
    from gptcli.model.device import resolve_device
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.progress import working

    check_save(save)
    expect_outputs(save)
    given = read_given(texts, files, token_ids, config=config)
    chosen = choose_model(context, weights, config, set_values, tied, init=init, attention=attention)
    model = chosen.config
    inputs = inputs_of(given, chosen, tokenizer=tokenizer, allow_special=allow_special)
    batch = inputs.batch
    wanted = wanted_targets(
        inputs, model, loss=loss, targets=targets, allow_special=allow_special, stored=chosen.weights is not None
    )
    note_all(inputs.notes)
    with ExitStack() as stack:
        target = stack.enter_context(replaced_file(save)) if save is not None else None
        where = resolve_device(device)
        if not force:
            run = Workload(
                batch=len(batch),
                tokens=max(map(len, batch)),
                dtype=dtype,
                dropout=dropout,
                attention=attention,
                device=where,
            )
            refuse_too_large(chosen.network, [run])
        stack.enter_context(working(f"Building {model.name} and running it on {where}"))
        from gptcli.model.forward import ForwardOptions, run_forward

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
        report = run_forward(
            chosen.network,
            batch,
            options,
            pad_id=pad_id(model, inputs.tokenizer),
            token_text=inputs.token_text,
            targets=wanted,
            save=target,
            checkpoint=chosen.checkpoint,
        )
        size = target.stat().st_size if target is not None else 0

    if not report.logits.finite:
        note_not_finite(chosen)
    if json:
        print_json(report)
    else:
        from gptcli.render.forward import forward_text
        from gptcli.render.run_facts import Written

        print_text(forward_text(report, inputs.token_of, saved=Written(save, size) if save is not None else None))
