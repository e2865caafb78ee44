"""The end of the process on a signal, and what has to be undone before it: temporary files, a hidden cursor.

No exception is raised for it. One that is raised while C code imports or writes something may be dropped there
(torch does so with NumPy's import), and so may one that is raised in a `__del__`, in a callback, or under somebody's
bare `except`; the signal would then be lost.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
_pending: list[Callable[[], object]] = []


def end_on_signals() -> None:
    """End this process on SIGINT, SIGTERM and SIGHUP with exit code 128 + n, from now on; call it in the main thread.

    A signal that is ignored stays ignored, as nohup has it.
    """
    for number in _ending_signals():
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)


@contextmanager
def held_back() -> Iterator[None]:
    """Let the signals that end this process wait until the block ends.

    What is made inside can so be handed to `undone` before a signal comes. A process that is forked inside inherits the
    wait and ends it with `end_on_signals_no_more`. Only for systems that fork: others cannot hold signals back.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ending_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_on_signals_no_more() -> None:
    """Give the signals back to the system and forget what is to be undone: a forked process owns none of it."""
    _pending.clear()
    for number in _ending_signals():
        if signal.getsignal(number) in (_end, signal.default_int_handler):
            signal.signal(number, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ending_signals())


@contextmanager
def undone(undo: Callable[[], object]) -> Iterator[None]:
    """Call `undo` when the block ends, also where a signal ends the process inside it.

    Enter this before what is to be undone is done, so that no signal comes between.
    """
    with undone_on_signals(undo):
        try:
            yield
        finally:
            undo()


@contextmanager
def undone_on_signals(undo: Callable[[], object]) -> Iterator[None]:
    """Call `undo` where a signal ends the process inside the block, and not otherwise."""
    _pending.append(undo)
    try:
        yield
    finally:
        _pending.remove(undo)


def _ending_signals() -> list[signal.Signals]:
    return [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]


def _end(number: int, _frame: object) -> None:
    for each in _ending_signals():
        signal.signal(each, signal.SIG_IGN)  # a second one would break off what is undone here
    for undo in reversed(_pending):
        with suppress(Exception):
            undo()
    os._exit(128 + number)
