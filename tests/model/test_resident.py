"""Memory that is taken ahead: there before it is written to, and never written over."""

import mmap
import resource
from threading import Event

import pytest
import torch

from gptcli.model import resident

SIZE = 2**24  # numbers, 64 MiB


def first_faults(tensor: torch.Tensor) -> int:
    """Write to a tensor; return how many pages the system had to find for this thread."""
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    tensor.fill_(1)
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def test_pages_taken_ahead_are_there() -> None:
    # Maps of their own: what torch gives may be memory that was used before.
    ahead, plain = (torch.frombuffer(mmap.mmap(-1, 4 * SIZE), dtype=torch.float32) for _ in range(2))
    start, end = resident._whole_pages(ahead)
    if not resident._advise(start, 4096, resident._MADV_POPULATE_WRITE):
        pytest.skip("this system takes no such advice")
    resident._take([(start, end)], Event())
    assert first_faults(ahead) < first_faults(plain) / 10


def test_what_is_written_stays_and_an_error_gets_out() -> None:
    filled = torch.full((SIZE,), 7.0)
    with resident.taken_ahead([filled, torch.empty(3), torch.empty(0), torch.empty(5, device="meta")]):
        filled[0] = 8
    assert filled[0] == 8
    assert bool((filled[1:] == 7).all())
    with pytest.raises(ValueError, match="seen"), resident.taken_ahead([torch.empty(SIZE)]):
        raise ValueError("seen")


def test_only_pages_of_the_tensor_alone_are_spoken_of() -> None:
    whole = torch.zeros(SIZE)
    for part in (whole[1:-1], whole[:10], whole[:0]):
        start, end = resident._whole_pages(part)
        assert part.data_ptr() <= start <= end
        assert end <= part.data_ptr() + part.nbytes or start == end
        assert start % 4096 == end % 4096 == 0 or start == end


def test_a_stopped_thread_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    stop = Event()

    def advise(start: int, length: int, advice: int) -> bool:
        asked.append(length)
        stop.set()
        return True

    monkeypatch.setattr(resident, "_advise", advise)
    resident._take([(0, 10 * resident._AT_A_TIME)], stop)
    assert asked == [resident._AT_A_TIME]
