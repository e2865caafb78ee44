"""What every option of a command was asked to be."""

from typing import Any

import typer

from gptcli.commands._options import is_typed


def asked_for(context: typer.Context) -> dict[str, Any]:
    """Return every option's value as typed or by default; no config where a checkpoint brings its own."""
    no_config = context.params["weights"] is not None and not is_typed(context, "config")
    return context.params | ({"config": None} if no_config else {})
