"""Listening to a forward pass, step by step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from torch import Tensor

Listener = Callable[[str, Tensor], None]


class Tap:
    """Where a network says what each step gave: path and output, to the listener, if there is one."""

    def __init__(self) -> None:
        self.listener: Listener | None = None


class Tapped(Protocol):
    """A network with a tap."""

    tap: Tap


@contextmanager
def observed(model: Tapped, listener: Listener) -> Iterator[None]:
    """Call ``listener`` with path and output of every step while the block runs, in order of execution."""
    model.tap.listener = listener
    try:
        yield
    finally:
        model.tap.listener = None
