"""``gptcli checkpoint``: what a file holds and what is wrong with it, and the same weights in another layout."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gptcli.checkpoints.layouts import written
from gptcli.commands._app import Group, command_app, common
from gptcli.commands._options import JsonOption, SetOption
from gptcli.errors import InputError, closest, did_you_mean

_DEFAULT = "inspect"


class _InspectByDefault(Group):
    """Reads ``checkpoint PATH`` as ``checkpoint inspect PATH``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default subcommand in front of a path or an option of its own."""
        own = {option for param in self.params for option in param.opts} | set(ctx.help_option_names)
        if args and args[0] not in self.commands and args[0] not in own and not self._is_meant_as_command(args):
            args = [_DEFAULT, *args]
        return list(super().parse_args(ctx, args))

    def _is_meant_as_command(self, args: list[str]) -> bool:
        """Return whether the first word looks like a mistyped command: there is no such checkpoint to inspect."""
        from gptcli.config import preset_named

        first, following = args[0], args[1:2]
        if not first.replace("-", "_").isidentifier() or first.startswith("-") or Path(first).exists():
            return False
        followed = bool(following) and not following[0].startswith("-")
        return preset_named(first) is None and (followed or closest(first, self.commands) is not None)


app = command_app()


@app.callback(cls=_InspectByDefault, rich_help_panel="Inspect", no_args_is_help=True)
def checkpoint() -> None:
    """Say what a checkpoint holds, what is wrong with it; or convert it.

    [dim]$[/dim] gptcli checkpoint model.safetensors
    [dim]$[/dim] gptcli checkpoint convert ckpt.pt my_gpt --to huggingface
    """


@app.command(_DEFAULT, cls=common("--stats", "--against", "--set", "--json"))
def inspect_(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A file, a directory, or a model's name.", show_default=False)
    ],
    stats: Annotated[bool, typer.Option("--stats", help="Read every number; show each tensor's statistics.")] = False,
    against: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Compare with another checkpoint, in any layout.", show_default=False),
    ] = None,
    set_values: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Name layout, config, size, and every finding; exit with 1 where one is an error.

    [dim]$[/dim] gptcli checkpoint model.safetensors
    [dim]$[/dim] gptcli checkpoint my_model/ --stats
    """
    from gptcli.api.checkpoint import inspected
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.progress import counted, working

    report = inspected(
        path,
        stats=stats,
        set_values=set_values or (),
        against=against,
        counted=lambda items, total: counted(items, total, "Reading"),
        fetching=working,
    )

    if json:
        print_json(report)
    else:
        from gptcli.render.checkpoint import checkpoint_text

        print_text(checkpoint_text(report))
    if not report.ok:
        raise typer.Exit(1)


@app.command(cls=common("--to", "--set", "--json"))
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="A checkpoint in any layout.", show_default=False)],
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="A new directory for huggingface, else a file: .safetensors or .pt.",
            show_default=False,
        ),
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="LAYOUT", help=f"One of {', '.join(written())}.", show_default=False)
    ],
    set_values: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Write a checkpoint in another layout, so that its program loads it.

    [dim]$[/dim] gptcli checkpoint convert ckpt.pt my_gpt --to huggingface
    [dim]$[/dim] gptcli checkpoint convert gpt2/ gpt2.pt --to lecture
    """
    if to not in written():
        raise InputError(f"--to {to}: no such layout{did_you_mean(to, written())}; layouts are {', '.join(written())}")
    from gptcli.api.weights import load_weights
    from gptcli.checkpoints.target import opened_target
    from gptcli.commands._notes import note_warnings
    from gptcli.render.emit import print_json, print_text
    from gptcli.render.progress import counted

    with opened_target(target, written()[to]) as place:
        weights = load_weights(source, set_values=set_values or ())
        note_warnings(weights.recognised)
        from gptcli.model.convert import convert_checkpoint

        report = convert_checkpoint(
            weights.recognised,
            place,
            target,
            written()[to],
            counted=lambda items, total: counted(items, total, "Writing"),
        )

    if json:
        print_json(report)
    else:
        from gptcli.render.checkpoint import converted_text

        print_text(converted_text(report))
