"""The one place where results reach stdout."""

import sys
from typing import TYPE_CHECKING, Any

from gptcli.reports import Report

if TYPE_CHECKING:
    from rich.console import RenderableType


def print_text(text: "RenderableType", *, wrap: bool = True) -> None:
    """Print what a renderer made of a report, in the width and the colours of stdout.

    Args:
        text: what to print.
        wrap: break lines at that width; False leaves them as they are, for text that a program reads.
    """
    from gptcli.render.console import make_console

    console = make_console()
    if console.is_terminal:
        console.print(text, soft_wrap=not wrap)
        return
    with console.capture() as captured:
        console.print(text, soft_wrap=not wrap)
    # Rich fills the last column of a table; in a file or a diff the blanks behind it are noise.
    sys.stdout.write("".join(f"{line.rstrip(' ')}\n" for line in captured.get().split("\n")[:-1]))


def print_json(content: Report | dict[str, Any]) -> None:
    """Print one UTF-8 JSON document and a newline: indented on a terminal, one line in a pipe."""
    import msgspec

    document = msgspec.json.encode(content)
    if sys.stdout.isatty():
        document = msgspec.json.format(document, indent=2)
    sys.stdout.flush()
    sys.stdout.buffer.write(document + b"\n")
    sys.stdout.buffer.flush()
