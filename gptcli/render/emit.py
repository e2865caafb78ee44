"""The one place where results reach stdout."""

import sys
from typing import TYPE_CHECKING, Any, TextIO

from gptcli.render.errors import colour_wanted
from gptcli.reports import Report

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType


def print_text(text: "RenderableType", *, wrap: bool = True, stream: TextIO | None = None) -> None:
    """Print what a renderer made of a report, in the width and the colours of the stream.

    Args:
        text: what to print.
        wrap: break lines at that width; False leaves them as they are, for text that a program reads.
        stream: stdout by default; stderr for what is worth knowing beside a result.
    """
    from gptcli.render.console import make_console

    stream = stream or sys.stdout
    console = make_console(stream)
    if console.is_terminal:
        console.print(text, no_wrap=not wrap, crop=False)
        return
    with console.capture() as captured:
        console.print(text, no_wrap=not wrap, crop=False)
    stream.write(_without_filling(captured.get()))


def write_text(text: "RenderableType", path: "Path") -> None:
    """Write a document into a file, or what Rich makes of anything else at the width of a pipe, without colour.

    Raises:
        WriteError: the file cannot be filled.
    """
    from io import StringIO

    from gptcli.files import WriteError
    from gptcli.render.console import make_console

    if not isinstance(text, str):
        page = StringIO()
        make_console(page).print(text, crop=False)
        text = _without_filling(page.getvalue())
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise WriteError(error.strerror or str(error)) from None


def _without_filling(text: str) -> str:
    """Take away the blanks with which Rich fills the last column of a table: in a file or a diff they are noise."""
    return "".join(f"{line.rstrip(' ')}\n" for line in text.split("\n")[:-1])


def print_piece(piece: str, *, prominent: bool = False) -> None:
    """Print a piece of a text at once: as it is for a program, harmless for a terminal.

    Args:
        piece: any part of a text; nothing is added to it, no newline either.
        prominent: let it stand out where there is colour.
    """
    if sys.stdout.isatty():
        from gptcli.render.tokens import harmless

        piece = harmless(piece)
    bold = prominent and colour_wanted(sys.stdout)
    sys.stdout.write(f"\x1b[1m{piece}\x1b[0m" if bold else piece)
    sys.stdout.flush()


def print_json(content: Report | dict[str, Any]) -> None:
    """Print one UTF-8 JSON document and a newline: indented on a terminal, one line in a pipe."""
    import msgspec

    document = msgspec.json.encode(content)
    if sys.stdout.isatty():
        document = msgspec.json.format(document, indent=2)
    sys.stdout.flush()
    sys.stdout.buffer.write(document + b"\n")
    sys.stdout.buffer.flush()
