"""All that a run of `gptcli verify` depends on, so that somebody else can run it again."""

from collections.abc import Mapping
from typing import Any

import typer

from gptcli.commands._options import is_typed
from gptcli.reports.verify import OptionValue

_OF_THE_OUTPUT = ("json",)


def asked_for(context: typer.Context) -> dict[str, Any]:
    """Return every option's value as typed or by default; no config where a checkpoint brings its own."""
    no_config = context.params["weights"] is not None and not is_typed(context, "config")
    return context.params | ({"config": None} if no_config else {})


def options_used(asked: Mapping[str, Any], **used: OptionValue) -> dict[str, OptionValue]:
    """Return every option of the command with the value that it ran with.

    Args:
        asked: each option's value, as `asked_for` gives it; one that is added to the command is here by itself.
        used: what ``auto`` and defaults were resolved to, and what no option says. Where that is not what was asked,
            the latter stands under ``NAME_asked``.
    """
    options: dict[str, OptionValue] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in sorted(asked.items())
        if name not in _OF_THE_OUTPUT
    }
    resolved = {f"{name}_asked": options[name] for name, value in used.items() if options.get(name, value) != value}
    return {**options, **used, **resolved}
