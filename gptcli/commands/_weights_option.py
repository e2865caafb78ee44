"""``--weights``: the model that is run is a checkpoint's."""

from typing import TYPE_CHECKING, Annotated

import typer

from gptcli.commands._options import is_typed

if TYPE_CHECKING:
    from gptcli.api.models import ChosenModel
    from gptcli.architecture import AttentionPath

WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--weights",
        "-w",
        metavar="PATH|NAME",
        help="A checkpoint: file, folder, or a model's name.",
        show_default=False,
        rich_help_panel="Model",
    ),
]


def choose_model(
    context: typer.Context,
    weights: str | None,
    config: str,
    set_values: list[str] | None,
    tied: bool | None,
    *,
    init: str | None = None,
    attention: "AttentionPath" = "explicit",
) -> "ChosenModel":
    """Return the model that the shared options choose; what is probably not meant is noted before anything is run.

    Raises:
        InputError: as `gptcli.api.models.choose_model`.
    """
    from gptcli.api import models
    from gptcli.commands._notes import note_warnings
    from gptcli.render.errors import print_note

    given = is_typed(context, "config")
    chosen = models.choose_model(
        config, set_values, tied, weights=weights, init=init, config_given=given, attention=attention, note=print_note
    )
    if chosen.checkpoint is not None:
        note_warnings(chosen.checkpoint)
    return chosen
