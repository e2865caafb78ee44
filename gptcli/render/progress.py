"""A sign of life on stderr while something takes its time; silent where stderr is no terminal."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from gptcli.render.errors import colour_wanted

Item = TypeVar("Item")


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
