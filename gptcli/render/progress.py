"""A sign of life on stderr while something takes its time; silent where stderr is no terminal."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

from gptcli.render.errors import colour_wanted

Item = TypeVar("Item")
_WORTH_A_BAR = 4 * 2**20  # bytes; less is read before anybody has seen a bar


@contextmanager
def working(message: str) -> Iterator[None]:
    """Show a spinner with the message while the block runs."""
    if not colour_wanted(sys.stderr):
        yield
        return
    from rich.console import Console

    with Console(file=sys.stderr).status(f"{message} ..."):
        yield


def counted(items: Iterable[Item], total: int, message: str) -> Iterator[Item]:
    """Pass items on under a progress bar that expects so many of them."""
    if not colour_wanted(sys.stderr):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

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
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        yield progress.wrap_file(file, total=size, description=message)
