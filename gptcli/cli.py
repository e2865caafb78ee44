"""The Typer app: global options, lazy discovery of commands, the boundary where errors become messages."""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption
from typer.exceptions import TyperException

from gptcli import __version__, commands
from gptcli.commands._app import Group, refuse_command
from gptcli.errors import GptcliError, InputProblemsError
from gptcli.files import kept_apart

_PANELS = ("Inspect", "Run", "Draw", "Configure")
_MAX_PROBLEMS = 50
_HELP_NAMES = {"help_option_names": ["-h", "--help"]}


class _ReaderClosedError(Exception):
    """Whoever read our output has gone; not an OSError, which Typer would turn into exit code 1."""


@contextmanager
def _notice_closed_reader() -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise _ReaderClosedError from None


class LazyCommands(Group):
    """The files of ``gptcli/commands`` as subcommands, imported when they are invoked; ``--help`` imports all."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the commands, panel by panel; only help and 'did you mean' come here."""
        names = [name for name in _command_files() if not name.startswith("_")]
        return sorted(names, key=lambda name: (_panel_rank(self.get_command(ctx, name)), name))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the file of a command and build it."""
        if cmd_name.startswith("_") or not (cmd_name.isascii() and cmd_name.isidentifier()):
            return _refuse_command(ctx, cmd_name)
        module_name = f"{commands.__name__}.{cmd_name}"
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name == module_name:
                return _refuse_command(ctx, cmd_name)
            raise
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        _add_global_options(command)
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse; ``--help`` prints here."""
        with _notice_closed_reader():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand."""
        with _notice_closed_reader():
            return super().invoke(ctx)


def _refuse_command(ctx: Any, name: str) -> Any:
    return refuse_command(ctx, name, [name for name in _command_files() if not name.startswith("_")])


def _command_files() -> list[str]:
    import pkgutil

    return [module.name for module in pkgutil.iter_modules(commands.__path__)]


def _panel_rank(command: Any) -> int:
    panel = getattr(command, "rich_help_panel", None)
    return _PANELS.index(panel) if panel in _PANELS else len(_PANELS)


def _switch_on(variable: str) -> Any:
    def callback(_ctx: Any, _param: Any, value: bool) -> None:
        if value:
            os.environ[variable] = "1"

    return callback


def _add_global_options(command: Any) -> None:
    """Let ``--no-color`` and ``--debug`` stand after the subcommand too, where people type them."""
    for subcommand in getattr(command, "commands", {}).values():
        _add_global_options(subcommand)
    for flag, (variable, text) in _GLOBAL_FLAGS.items():
        command.params.append(
            TyperOption(
                param_decls=[flag],
                is_flag=True,
                expose_value=False,
                help=text,
                callback=_switch_on(variable),
                is_eager=True,  # before the help is shown
            )
        )
    command.context_settings = {**command.context_settings, **_HELP_NAMES}


# Flag -> the variable that carries it; Rich and Typer obey NO_COLOR by themselves.
_DEBUG_VARIABLE = "GPTCLI_DEBUG"
_OFF = ("", "0", "false", "no", "off")
_GLOBAL_FLAGS = {
    "--no-color": ("NO_COLOR", "No colours; NO_COLOR and TERM=dumb are obeyed too."),
    "--debug": (_DEBUG_VARIABLE, "Show the traceback of an error."),
}

app = typer.Typer(
    cls=LazyCommands,
    context_settings=_HELP_NAMES,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"gptcli {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Inspect GPT-style models: shapes, parameters and memory, exact and offline.

    [dim]$[/dim] gptcli forward "Every effort moves you"
    [dim]$[/dim] gptcli params --tied
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; no exception gets past here unless ``--debug`` is on.

    Exit codes: 0 fine; 1 an expected failure; 2 wrong usage or invalid input; 130 interrupted; 128 + n on signal n.
    """
    if sys.stderr is None:  # closed with 2>&-; what would be reported there goes nowhere
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if sys.stdout is None:
        return _report(GptcliError("standard output is closed; nothing can be printed"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows '?', not a traceback
    root = typer.main.get_command(app)
    root.params += _global_params()
    try:
        with kept_apart():
            code = root.main(None if arguments is None else list(arguments), prog_name="gptcli", standalone_mode=False)
            return code or 0
    except SystemExit as exit_:
        return _exit_code(exit_)
    except _ReaderClosedError:
        _discard_output()
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if os.environ.get(_DEBUG_VARIABLE, "").lower() not in _OFF:
            from gptcli.render.errors import print_traceback

            print_traceback(error)
        return _report(error)


def _global_params() -> list[Any]:
    carrier = TyperCommand("globals")
    _add_global_options(carrier)
    return carrier.params


def _exit_code(exit_: SystemExit) -> int:
    if exit_.code is None or isinstance(exit_.code, int):
        return exit_.code or 0
    return 1


def _discard_output() -> None:
    """Point stdout at nothing, so that Python's own flush at exit cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _discard_output_that_fails() -> None:
    """Keep Python from reporting a second time, at exit, that stdout, say on a full disk, cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()


def _report(error: Exception) -> int:
    from gptcli.render.errors import print_error

    if isinstance(error, TyperException):
        return _tell_wrong_usage(error)
    if isinstance(error, InputProblemsError):
        for problem in error.problems[:_MAX_PROBLEMS]:
            print_error(problem)
        if len(error.problems) > _MAX_PROBLEMS:
            print_error(f"and {len(error.problems) - _MAX_PROBLEMS:,} more")
        return error.exit_code
    if isinstance(error, GptcliError):
        print_error(str(error))
        return error.exit_code
    if isinstance(error, MemoryError):
        print_error("out of memory; 'gptcli memory' says what a model needs")
        return 1
    if isinstance(error, OSError) and error.strerror:
        print_error(f"{error.filename or 'input or output'}: {error.strerror}")
        _discard_output_that_fails()
        return 1
    print_error(f"internal: {type(error).__name__}: {error}; --debug shows the traceback")
    return 1


def _tell_wrong_usage(error: Any) -> int:
    """Print what Typer has found wrong, or the help of a group without a command."""
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.message, err=True)
    else:
        from gptcli.render.errors import print_error
        from gptcli.render.usage import usage_problem

        print_error(usage_problem(error))
    return int(error.exit_code)
