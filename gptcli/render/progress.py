"""A sign of life on stderr while something takes its time; silent where stderr is no terminal."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from gptcli.config.printable import printable
from gptcli.render.errors import colour_wanted
from gptcli.signals import undone_on_signals

Item = TypeVar("Item")


@contextmanager
def working(message: str) -> Iterator[None]:
    """Show a spinner with the message while the block runs."""
    if not colour_wanted(sys.stderr):
        yield
        return
    from rich.console import Console
    from rich.text import Text

    with undone_on_signals(_show_cursor), Console(file=sys.stderr).status(Text(f"{printable(message)} ...")):
        yield


def counted(items: Iterable[Item], total: int, message: str) -> Iterator[Item]:
    """Pass items on under a progress bar that expects so many of them."""
    if not colour_wanted(sys.stderr):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    with undone_on_signals(_show_cursor):
        yield from track(items, description=message, total=total, console=Console(file=sys.stderr), transient=True)


def _show_cursor() -> None:
    """Give the terminal back as it was: the line of the spinner or of the bar empty, the cursor shown."""
    os.write(sys.stderr.fileno(), b"\r\x1b[2K\x1b[?25h")
