"""The Typer app that every command file makes, and the commands and groups whose help and errors are ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException


class Command(TyperCommand):
    """A command whose help opens with what is used most.

    Attributes:
        common: the options that are used most, at most five.
    """

    common: ClassVar[tuple[str, ...]] = ()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help screen."""
        from gptcli.render.help import help_screen

        formatter.write(help_screen(self, ctx, self.common))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; what is wrong knows the command that it is about."""
        with _errors_know(ctx):
            return list(super().parse_args(ctx, args))


class Group(TyperGroup):
    """A group of commands with the same help and the same errors."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help screen."""
        from gptcli.render.help import help_screen

        formatter.write(help_screen(self, ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; what is wrong knows the group that it is about."""
        with _errors_know(ctx):
            return list(super().parse_args(ctx, args))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is meant."""
        if self.get_command(ctx, args[0]) is None:
            refuse_command(ctx, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@contextmanager
def _errors_know(ctx: Any) -> Iterator[None]:
    """Give an error of Typer's parser its context, which some of them lack."""
    try:
        yield
    except TyperException as error:
        if getattr(error, "ctx", None) is None:
            vars(error)["ctx"] = ctx
        raise


def refuse_command(ctx: Any, name: str, known: list[str]) -> Any:
    """Refuse a name that no command of a group has.

    Raises:
        UsageError: always, with the nearest name.
    """
    from gptcli.config.printable import printable
    from gptcli.errors import did_you_mean

    return ctx.fail(f"no such command '{printable(name)}'{did_you_mean(name.lower(), known)}")


def command_app() -> typer.Typer:
    """Return an app for one file of commands; shell completion belongs to the root alone."""
    return typer.Typer(cls=Group, add_completion=False, rich_markup_mode="rich", no_args_is_help=False)


def common(*options: str) -> type[Command]:
    """Return the class of a command whose help shows these options first, at most five: ``cls=common("--config")``."""
    return type("Command", (Command,), {"common": options})
