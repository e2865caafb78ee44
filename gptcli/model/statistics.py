"""Mean, deviation, extremes and zeros of a tensor in a few passes over portions that stay in the cache.

Torch's own ``var_mean`` takes eight times as long on the CPU, and whole temporaries of a T x T tensor longer still. So
each portion is read once from memory and then from the cache; portions are combined by Chan et al. 1979, equation 2.1.
"""

from collections.abc import Iterable, Sequence
from math import isfinite, isnan, sqrt

import torch
from msgspec import Struct
from torch import Tensor

_ALONE = 2**15 - 2**10  # numbers that one thread reads: at 2**15 torch calls others, which waits where cores are busy
_TOGETHER = 2**20  # numbers that all threads read at once, out of the cache they share
_FEW_THREADS = 4  # which are not faster together than one that never waits
_WHOLE = 2**28  # on a card: a tensor at once, as starting a kernel costs more than reading memory again

# Of a portion: how many numbers count, their mean, the root of the sum of their squared distances from it, the least,
# the largest, how many of all are not zero.
# Tensors of one number, so that nothing waits for the device while the network runs.
Portion = tuple[Tensor | int, Tensor, Tensor, Tensor, Tensor, Tensor]


class Statistics(Struct, frozen=True):
    """What a tensor's numbers are like; see `gptcli.reports.trace.TraceStep`."""

    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    zeros: int
    ignored: int
    not_finite: str | None


def portions(x: Tensor, *, masked: bool = False) -> list[Portion]:
    """Read a tensor of any shape.

    Args:
        x: its numbers.
        masked: leave minus infinity out.
    """
    read = _masked if masked else _plain
    flat, length = x.reshape(-1), _length(x)  # (N,)
    return [read(flat[start : start + length].float()) for start in range(0, flat.numel(), length)]


def _length(x: Tensor) -> int:
    if x.device.type != "cpu":
        return _WHOLE
    return _ALONE if torch.get_num_threads() <= _FEW_THREADS or x.numel() <= _TOGETHER else _TOGETHER


def _plain(x: Tensor) -> Portion:
    """(N,) -> its portion."""
    mean = x.mean()
    low, high = x.aminmax()
    return x.numel(), mean, _deviation(x, mean), low, high, x.count_nonzero()


def _masked(x: Tensor) -> Portion:
    """(N,) -> its portion without minus infinity: with the mean in its place, which changes no figure but the count."""
    out = x == -torch.inf  # (N,)
    kept = x.numel() - out.count_nonzero()
    mean = x.masked_fill(out, 0).sum() / kept
    rest = torch.where(out, mean, x)  # (N,)
    low, high = rest.aminmax()
    return kept, mean, _deviation(rest, mean), low, high, x.count_nonzero()


def _deviation(x: Tensor, mean: Tensor) -> Tensor:
    """(N,) -> the root of the sum of squared distances; a norm, as MKL's ``dot`` waits for threads at any length."""
    root: Tensor = torch.linalg.vector_norm(x - mean)
    return root


def combined(read: Iterable[Portion], count: int) -> Statistics:
    """Combine the portions of a tensor that holds so many numbers; waits for its device."""
    read_rows = [_numbers(portion) for portion in read]
    rows = [row for row in read_rows if row[0]]
    kept = sum(int(row[0]) for row in rows)
    mean = sum(row[0] * row[1] for row in rows) / kept if kept else float("nan")
    squares = sum(row[2] ** 2 + row[0] * (row[1] - mean) ** 2 for row in rows)
    low = _least([row[3] for row in rows])
    high = -_least([-row[4] for row in rows])
    finite = isfinite(low) and isfinite(high)
    return Statistics(
        mean=mean if finite else None,
        std=sqrt(squares / kept) if finite else None,
        min=low if finite else None,
        max=high if finite else None,
        zeros=count - sum(int(row[5]) for row in read_rows),
        ignored=count - kept,
        not_finite=None if finite else "nan" if isnan(low) or isnan(high) else "inf" if high == torch.inf else "-inf",
    )


def _numbers(portion: Portion) -> list[float]:
    return [each.item() if isinstance(each, Tensor) else each for each in portion]


def _least(numbers: Sequence[float]) -> float:
    """Return the least; NaN where one of them is NaN, or there are none."""
    return float("nan") if not numbers or any(map(isnan, numbers)) else min(numbers)
