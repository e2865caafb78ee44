"""A sign of life on stderr while something takes its time; silent where stderr is no terminal."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

from gptcli.config.printable import printable
from gptcli.render.errors import colour_wanted
from gptcli.signals import undone_on_signals

Item = TypeVar("Item")
_WORTH_A_BAR = 4 * 2**20  # bytes; less is read before anybody has seen a bar


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


@contextmanager
def bytes_read(file: BinaryIO, size: int | None, message: str) -> Iterator[BinaryIO]:
    """Yield a file that shows how much of it has been read.

    Args:
        file: what is read.
        size: its bytes; None where nobody knows, as of a pipe.
        message: what stands before the bar.
    """
    if not colour_wanted(sys.stderr) or (size is not None and size < _WORTH_A_BAR):
        yield file
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with (
        undone_on_signals(_show_cursor),
        Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress,
    ):
        yield progress.wrap_file(file, total=size, description=message)


def _show_cursor() -> None:
    """Give the terminal back as it was: the line of the spinner or of the bar empty, the cursor shown."""
    os.write(sys.stderr.fileno(), b"\r\x1b[2K\x1b[?25h")
