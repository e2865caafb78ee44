"""Advice to the system about the memory pages of tensors; where it takes none, the program runs without."""

import ctypes
import mmap
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from torch import Tensor

# linux/mman.h; Python has no names for them.
_MADV_PAGEOUT = 21
_MADV_POPULATE_WRITE = 23
_AT_A_TIME = 2**24  # bytes; between two such calls the thread can be stopped


def give_back(tensor: Tensor) -> None:
    """Give mapped pages that have been copied back to the system, so that they do not add to the copy.

    Nothing can be lost: pages of a file are read again when they are used again, others stay.
    """
    start, end = _whole_pages(tensor)
    _advise(start, end - start, _MADV_PAGEOUT)


@contextmanager
def taken_ahead(tensors: Iterable[Tensor]) -> Iterator[None]:
    """Take the memory of CPU tensors that are about to be filled, one after the other, while the block fills them.

    The system hands out an empty page when it is first written to, and clears it. For numbers drawn one by one that is
    a third of the time, and a thread beside the one that draws can have it done before. Linux 5.14 and later.

    Args:
        tensors: in the order in which they will be written.
    """
    stop = Event()
    ranges = [_whole_pages(tensor) for tensor in tensors if tensor.device.type == "cpu"]
    thread = Thread(target=_take, args=(ranges, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _take(ranges: list[tuple[int, int]], stop: Event) -> None:
    for start, end in ranges:
        for at in range(start, end, _AT_A_TIME):
            if stop.is_set() or not _advise(at, min(_AT_A_TIME, end - at), _MADV_POPULATE_WRITE):
                return


def _whole_pages(tensor: Tensor) -> tuple[int, int]:
    """Return the addresses between which all pages are the tensor's alone."""
    page = mmap.PAGESIZE
    start = -(-tensor.data_ptr() // page) * page
    return start, max(start, (tensor.data_ptr() + tensor.nbytes) // page * page)


def _advise(start: int, length: int, advice: int) -> bool:
    """Return whether the system took the advice."""
    if sys.platform != "linux" or length <= 0:
        return False
    failed: int = ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), advice)
    return not failed
