"""Bytes of live tensors as torch's profiler records them: every allocation of the allocator, with nothing in the way.

No dispatch mode is active, so autograd's engine sums gradients as usual. What a kernel allocates
and gives back before it returns is its scratch: how much depends on the processor, and it is reported apart.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from msgspec import Struct
from torch._C._profiler import _EventType

_QUIET = "99"  # the level of Kineto's own log, which goes to standard error
_NUMBER = 8  # bytes
_MARK = "gptcli: "


class Change(Struct, frozen=True):
    """Memory that was taken or given back.

    Attributes:
        at: time in nanoseconds.
        bytes: above 0 where taken, below 0 where given back.
        scratch: whether a kernel took it and gave it back before it returned.
    """

    at: int
    bytes: int
    scratch: bool


class Recording:
    """What a block of code allocated; complete when `recorded` has been left.

    Attributes:
        changes: in order of time.
        marks: the names that `mark` gave to moments and the moments, in order of time.
    """

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.marks: list[tuple[str, int]] = []

    def mark(self, name: str) -> None:
        """Name this moment."""
        with torch.profiler.record_function(_MARK + name):
            pass

    def peak(self, existing: int, *, scratch: bool = False) -> int:
        """Return the most bytes that were alive at once on top of ``existing``, kernels' scratch counted or not."""
        return max(live for _, live in self._live(existing, scratch=scratch))

    def phases(self, existing: int) -> dict[str, int]:
        """Return the peak from each mark to the next, under the mark's name, of one name the highest; what was before
        is not reported.
        """
        peaks: dict[str, int] = {}
        phase, now, waiting = "", existing, list(reversed(self.marks))
        for at, live in [*self._live(existing), (sys.maxsize, 0)]:
            while waiting and waiting[-1][1] < at:
                phase, _ = waiting.pop()
                peaks[phase] = max(now, peaks.get(phase, 0))
            now = live
            if phase:
                peaks[phase] = max(now, peaks[phase])
        return peaks

    def _live(self, existing: int, *, scratch: bool = False) -> Iterator[tuple[int, int]]:
        live = existing
        yield 0, live
        for change in self.changes:
            if scratch or not change.scratch:
                live += change.bytes
            yield change.at, live


@contextmanager
def recorded() -> Iterator[Recording]:
    """Record what a block of code allocates on the CPU, in this thread."""
    os.environ.setdefault("KINETO_LOG_LEVEL", _QUIET)
    recording = Recording()
    activities = [torch.profiler.ProfilerActivity.CPU]
    with _no_garbage(), torch.profiler.profile(activities=activities, profile_memory=True) as profiler:
        yield recording
    assert profiler.profiler is not None
    assert profiler.profiler.kineto_results is not None
    events = list(_walk(profiler.profiler.kineto_results.experimental_event_tree()))
    recording.changes = _changes([event for event in events if event.tag == _EventType.Allocation])
    recording.marks = [
        (event.name.removeprefix(_MARK), event.start_time_ns)
        for event in sorted(events, key=lambda event: event.start_time_ns)
        if event.name.startswith(_MARK)
    ]


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Keep what earlier code left in reference cycles, an optimizer say, from being given back in the midst."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _changes(allocations: list[Any]) -> list[Change]:
    events = sorted(allocations, key=lambda event: event.start_time_ns)
    scratch: set[int] = set()
    ours: list[int] = []  # what was taken before the recording is not its to give back
    taken: dict[int, int] = {}
    for index, event in enumerate(events):
        address = event.extra_fields.ptr
        if event.extra_fields.alloc_size > 0:
            taken[address] = index
            ours.append(index)
        elif address in taken:
            since = taken.pop(address)
            ours.append(index)
            if _is_scratch(events[since], event):
                scratch |= {since, index}
    return [Change(events[i].start_time_ns, events[i].extra_fields.alloc_size, i in scratch) for i in ours]


def _walk(roots: list[Any]) -> Iterator[Any]:
    waiting = list(roots)
    while waiting:
        event = waiting.pop()
        yield event
        waiting += event.children


def _is_scratch(taken: Any, given_back: Any) -> bool:
    """Return whether memory was a kernel's own, or a number that Python handed over, which torch makes a tensor of."""
    kernel = _kernel(taken)
    if kernel is None:
        return bool(taken.extra_fields.alloc_size <= _NUMBER)
    return bool(given_back.start_time_ns <= kernel.end_time_ns)


def _kernel(event: Any) -> Any:
    """Return the operation that torch ran as a whole when something was allocated, or None where none was running."""
    found = None
    outer = event.parent
    while outer is not None:
        if outer.name.startswith("aten::") and not _is_composite(outer.name):
            found = outer
        outer = outer.parent
    return found


@cache
def _is_composite(name: str) -> bool:
    """Return whether an operation only calls others: what it makes between them is no kernel's scratch."""
    schemas = [each for each in torch._C._jit_get_schemas_for_operator(name) if "Dimname" not in str(each)]
    names = [f"{name}.{schema.overload_name}".removesuffix(".") for schema in schemas]
    return any(
        torch._C._dispatch_has_kernel_for_dispatch_key(each, "CompositeImplicitAutograd")
        for each in names
        if torch._C._dispatch_has_kernel(each)  # the rest are TorchScript's own, of numbers and lists
    )
