"""A text on the screen while it is generated."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from gptcli.render.emit import print_piece
from gptcli.signals import undone_on_signals


@contextmanager
def continuing(prompt: str) -> Iterator[Callable[[str], None]]:
    """Print a prompt, yield what prints the pieces after it, and end the line however the text ends."""
    print_piece(prompt, prominent=True)
    with undone_on_signals(_end_line):
        try:
            yield print_piece
        finally:
            print_piece("\n")


def _end_line() -> None:
    """End the line below Python's stream, which may be in the midst of a piece; a full pipe would make it wait."""
    import select

    with suppress(OSError):
        if select.select([], [1], [], 0)[1]:
            os.write(1, b"\n")
