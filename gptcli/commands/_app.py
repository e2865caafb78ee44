"""The Typer app that every command file makes."""

import typer


def command_app() -> typer.Typer:
    """Return an app for one file of commands; shell completion belongs to the root alone."""
    return typer.Typer(add_completion=False, rich_markup_mode="rich", no_args_is_help=False)
