"""What the numbers of a checkpoint say: statistics, and findings such as NaN, zeros and weights never trained."""

from collections.abc import Iterable, Iterator
from math import inf, isnan, sqrt
from zlib import crc32

import numpy as np
from msgspec import Struct

from gptcli.architecture.roles import HEAD, QUERY_KEY_VALUE, TOKEN_TABLE
from gptcli.checkpoints.matching import Matched, Part
from gptcli.checkpoints.numbers import Numbers
from gptcli.checkpoints.stored import Source, StoredTensor
from gptcli.config import ModelConfig
from gptcli.config.printable import printable
from gptcli.reports.checkpoint import TensorStats
from gptcli.reports.finding import Finding

_SAMPLE = 2**14  # numbers read from the beginning, the middle and the end of a tensor that is not read in whole
_WHOLE_BYTES = 2**30  # checkpoints up to this size are read in whole
_STACKED = ("query", "key", "value")
_KEY = 1
_NEGLIGIBLE = 20  # a bias that another exceeds so many times


class Summary(Struct):
    """What one reading of a tensor's numbers, or of a sample, has found."""

    read: int = 0
    low: float = inf
    high: float = -inf
    nan: int = 0
    infinite: int = 0
    zeros: int = 0
    total: float = 0.0
    squares: float = 0.0
    first_bad: int | None = None
    checksum: int = 0

    def add(self, numbers: Numbers, position: int, *, moments: bool) -> None:
        """Take in the next numbers, of which the first stands at ``position`` in the tensor."""
        self.read += numbers.size
        low, high = float(numbers.min()), float(numbers.max())
        if isnan(low) or abs(low) == inf or abs(high) == inf:  # a NaN is its array's minimum
            numbers = self._set_bad_aside(numbers, position)
            if not numbers.size:
                return
            low, high = float(numbers.min()), float(numbers.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        if moments:
            self.zeros += int(numbers.size - np.count_nonzero(numbers))
            wide = numbers.astype(np.float64)
            self.total += float(wide.sum())
            self.squares += float(wide @ wide)
        self.checksum = crc32(np.ascontiguousarray(numbers).data, self.checksum)

    def _set_bad_aside(self, numbers: Numbers, position: int) -> Numbers:
        finite = np.isfinite(numbers)
        nan = int(np.isnan(numbers).sum())
        self.nan += nan
        self.infinite += int(numbers.size - finite.sum()) - nan
        if self.first_bad is None:
            self.first_bad = position + int(np.argmin(finite))
        return numbers[finite]

    @property
    def finite(self) -> int:
        """Numbers that are neither NaN nor infinite."""
        return self.read - self.nan - self.infinite

    @property
    def constant(self) -> float | None:
        """The one value that all numbers have, or None."""
        return self.low if self.finite == self.read and self.low == self.high else None


def read_whole(source: Source, tensors: Iterable[StoredTensor]) -> bool:
    """Return whether the tensors are few enough to be read in whole without being asked."""
    return sum(tensor.nbytes for tensor in tensors) <= _WHOLE_BYTES


def summarise(source: Source, tensor: StoredTensor, *, whole: bool, moments: bool = False) -> Summary:
    """Read a tensor, or a sample from its beginning, middle and end, in bounded memory.

    Args:
        source: where it lies.
        tensor: which.
        whole: read all of it.
        moments: gather mean, deviation and zeros too.

    Raises:
        OSError: the file cannot be read.
    """
    summary = Summary()
    for start, stop in _ranges(tensor.numbers, whole=whole):
        position = start
        for numbers in source.portions(tensor, start, stop):
            summary.add(numbers, position, moments=moments)
            position += numbers.size
    return summary


def _ranges(numbers: int, *, whole: bool) -> list[tuple[int, int]]:
    if whole or numbers <= 3 * _SAMPLE:
        return [(0, numbers)] if numbers else []
    middle = (numbers - _SAMPLE) // 2
    return [(0, _SAMPLE), (middle, middle + _SAMPLE), (numbers - _SAMPLE, numbers)]


def stats_of(tensor: StoredTensor, summary: Summary) -> TensorStats:
    """Return a tensor's statistics; NaN and infinities are counted and otherwise left out."""
    count = summary.finite
    mean = summary.total / count if count else None
    variance = max(summary.squares / count - mean**2, 0.0) if mean is not None else None
    return TensorStats(
        path=tensor.name,
        dtype=tensor.dtype,
        shape=tensor.shape,
        mean=mean,
        std=None if variance is None else sqrt(variance),
        min=summary.low if count else None,
        max=summary.high if count else None,
        zeros=summary.zeros,
        nan=summary.nan,
        infinite=summary.infinite,
    )


def content_findings(
    matched: Matched, config: ModelConfig | None, source: Source, summaries: dict[str, Summary]
) -> list[Finding]:
    """Judge what was read of each tensor, by stored name."""
    parts = [part for part in matched.parts() if part.tensor.name in summaries]
    return [
        *(finding for part in parts for finding in _not_finite(part, summaries[part.tensor.name])),
        *_constant(parts, summaries),
        *_untrained(parts, summaries),
        *_repeated(parts, summaries),
        *_head_copy(matched, source),
        *(_swapped(matched, source) if config is None or _cancels_key_bias(config) else ()),
    ]


def _not_finite(part: Part, summary: Summary) -> Iterator[Finding]:
    path = printable(part.tensor.name)
    first = "" if summary.first_bad is None else f", the first at {_index(summary.first_bad, part.tensor.shape)}"
    if summary.nan:
        yield Finding("error", "nan", path, f"NaN: {summary.nan:,} of {summary.read:,} numbers{first}")
    if summary.infinite:
        yield Finding("error", "inf", path, f"Inf: {summary.infinite:,} of {summary.read:,} numbers{first}")


def _index(position: int, shape: tuple[int, ...]) -> list[int]:
    return [int(i) for i in np.unravel_index(position, shape)] if shape else []


def _constant(parts: list[Part], summaries: dict[str, Summary]) -> Iterator[Finding]:
    """Name matrices that are one value throughout; biases of zero are what an untrained layer has."""
    for part in parts:
        value = summaries[part.tensor.name].constant
        if value is None or len(part.tensor.shape) < 2 or part.tensor.numbers < 2:
            continue
        what = "all-zero" if value == 0 else f"constant: every number is {value:g}"
        yield Finding("warning", "all-zero" if value == 0 else "constant", printable(part.tensor.name), what)


def _untrained(parts: list[Part], summaries: dict[str, Summary]) -> Iterator[Finding]:
    """Name norms that are exactly as initialised: one step of any optimizer would have moved them."""
    norms = [part for part in parts if part.place.family == "norm"]
    untouched = [p for p in norms if summaries[p.tensor.name].constant == p.place.untrained]
    if norms and len(untouched) == len(norms):
        message = "untrained-looking: every norm is exactly as initialised, so no training step has been taken"
        yield Finding("warning", "untrained", printable(untouched[0].tensor.name), message)
    elif len(untouched) < len(norms) / 2:
        for part in untouched:
            message = "untrained-looking: exactly as initialised, while other norms have moved"
            yield Finding("warning", "untrained", printable(part.tensor.name), message)


def _repeated(parts: list[Part], summaries: dict[str, Summary]) -> Iterator[Finding]:
    """Name matrices of different blocks that hold the same numbers."""
    seen: dict[tuple[int, float, float, tuple[int, ...]], Part] = {}
    for part in parts:
        summary = summaries[part.tensor.name]
        if part.block is None or len(part.tensor.shape) < 2 or summary.constant is not None or not summary.checksum:
            continue
        first = seen.setdefault((summary.checksum, summary.low, summary.high, part.tensor.shape), part)
        if first is not part:
            message = f"repeated: holds the same numbers as {printable(first.tensor.name)}"
            yield Finding("warning", "repeated", printable(part.tensor.name), message)


def head_is_copy(matched: Matched, source: Source) -> bool | None:
    """Return whether the stored head holds the embedding's numbers; None where one of the two is not stored."""
    pair = [matched.outside(role).get(0) for role in (TOKEN_TABLE, HEAD)]
    if pair[0] is None or pair[1] is None:
        return None
    one, other = (part.tensor for part in pair if part is not None)
    if one.storage is not None and one.storage == other.storage:
        return True
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    whole = one.nbytes <= _WHOLE_BYTES
    return all(
        np.array_equal(a, b, equal_nan=True)
        for start, stop in _ranges(one.numbers, whole=whole)
        for a, b in zip(source.portions(one, start, stop), source.portions(other, start, stop), strict=True)
    )


def _head_copy(matched: Matched, source: Source) -> Iterator[Finding]:
    copy = head_is_copy(matched, source)
    if copy is None:
        return
    head, table = (matched.outside(role)[0].tensor for role in (HEAD, TOKEN_TABLE))
    name = printable(head.name)
    if head.storage is not None and head.storage == table.storage:
        yield Finding("note", "tied-head", name, "head tied: shares the token embedding's memory in the file")
    elif copy:
        message = f"head equal but copied: the token embedding's numbers a second time, {head.nbytes:,} bytes"
        yield Finding("note", "copied-head", name, message)


def _cancels_key_bias(config: ModelConfig) -> bool:
    """Return whether a key's bias adds one number to all scores of a query: not where keys are turned or normed."""
    as_many = config.n_kv_groups in (None, config.n_heads)
    return config.positions != "rotary" and config.qk_norm == "none" and not config.clip_qkv and as_many


def _swapped(matched: Matched, source: Source) -> Iterator[Finding]:
    """Name blocks in which another bias than the key's is the negligible one.

    A key's bias adds the same number to all scores of a query, and softmax takes that away again: its gradient is
    zero, so training leaves it where it was initialised while those of query and value move.
    """
    for rows in matched.weights.values():
        place = rows[min(rows)].place
        if place.role != QUERY_KEY_VALUE or place.name != "bias" or place.order != "in order":
            continue
        sizes = _bias_sizes(rows, source)
        least = min(range(len(sizes)), key=sizes.__getitem__)
        if len(sizes) == len(_STACKED) and least != _KEY and sizes[_KEY] > _NEGLIGIBLE * sizes[least]:
            message = (
                f"{_STACKED[least]} and key look swapped: softmax cancels a key's bias, so no training moves it, but "
                f"here the {_STACKED[least]}'s is the negligible one"
            )
            yield Finding("warning", "swapped", printable(rows[min(rows)].tensor.name), message)


def _bias_sizes(rows: dict[int, Part], source: Source) -> list[float]:
    """Return the root mean square of the biases of query, key and value, in the order in which they are stacked."""
    first = rows[min(rows)]
    if first.place.parts > 1:
        return [_size(source, rows[part].tensor, 0, rows[part].tensor.numbers) for part in sorted(rows)]
    third = first.tensor.numbers // len(_STACKED)
    return [_size(source, first.tensor, part * third, (part + 1) * third) for part in range(len(_STACKED))]


def _size(source: Source, tensor: StoredTensor, start: int, stop: int) -> float:
    squares = sum(float(np.square(n.astype(np.float64)).sum()) for n in source.portions(tensor, start, stop))
    return sqrt(squares / max(stop - start, 1))
