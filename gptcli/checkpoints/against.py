"""Two checkpoints compared weight by weight, in any layouts; mistakes that explain a difference are named."""

from collections.abc import Iterator

import numpy as np

from gptcli.architecture.network import INDEX
from gptcli.checkpoints.layouts import split_index
from gptcli.checkpoints.matching import Part
from gptcli.checkpoints.numbers import Numbers
from gptcli.checkpoints.recognition import Recognised
from gptcli.config.printable import printable
from gptcli.reports.finding import Finding

_STACKED = ("query", "key", "value")
# How the stacked rows of query, key and value can have been mixed up.
_ORDERS = ((1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1))


def against_findings(one: Recognised, other: Recognised) -> list[Finding]:
    """Compare every weight that both have; one pair at a time is in memory.

    Raises:
        OSError: a file cannot be read.
    """
    assert one.matched is not None
    assert other.matched is not None
    findings = []
    equal = 0
    for path, parts in one.matched.weights.items():
        if path not in other.matched.weights:
            continue
        ours = _rows(one, parts)
        theirs = _rows(other, other.matched.weights[path])
        difference = _difference(one, other, path, ours, theirs)
        if difference is None:
            equal += 1
        else:
            name = printable(parts[min(parts)].tensor.name)
            findings.append(Finding("warning", "differs", name, f"{path} {difference}"))
    return [*findings, Finding("note", "compared", printable(str(other.opened.path)), _verdict(equal, len(findings)))]


def _verdict(equal: int, different: int) -> str:
    if different:
        return f"compared: {different} weights differ, {equal} are equal"
    return f"compared: all {equal} weights are equal"


def _rows(recognised: Recognised, parts: dict[int, Part]) -> list[Numbers]:
    """Return a weight as torch.nn.Linear has it, as the parts that its rows are made of."""
    source = recognised.opened.source
    stored = [_whole(part, source.portions(part.tensor, 0, part.tensor.numbers)) for _, part in sorted(parts.items())]
    stacked = parts[min(parts)].place.stacked
    if stacked > 1 and len(stored) == 1 and stored[0].shape[0] % stacked == 0:
        return list(np.split(stored[0], stacked))
    return stored


def _whole(part: Part, portions: Iterator[Numbers]) -> Numbers:
    flat = np.concatenate([portion.copy() for portion in portions] or [np.empty(0, np.float32)])
    lying = flat.reshape(part.tensor.shape)
    return lying.T if part.place.transposed else lying


def _difference(
    one: Recognised, other: Recognised, path: str, ours: list[Numbers], theirs: list[Numbers]
) -> str | None:
    """Return what makes a weight another one, or None where it is the same."""
    if [rows.shape for rows in ours] != [rows.shape for rows in theirs]:
        shapes = " and ".join(str([sum(r.shape[0] for r in rows), *rows[0].shape[1:]]) for rows in (ours, theirs))
        return f"has another shape: {shapes}"
    if _equal(ours, theirs):
        return None
    for order in _ORDERS if len(ours) == len(_STACKED) else ():
        if _equal([ours[index] for index in order], theirs):
            mixed = ", ".join(_STACKED[index] for index in np.argsort(order))
            return f"is mixed up: {_STACKED[0]}, {_STACKED[1]}, {_STACKED[2]} hold what should be {mixed}"
    if all(rows.ndim == 2 and rows.shape[0] == rows.shape[1] for rows in ours) and _equal(
        [rows.T for rows in ours], theirs
    ):
        return "is transposed"
    elsewhere = _elsewhere(other, path, ours)
    if elsewhere is not None:
        return f"holds what should be {elsewhere}"
    return _distance(ours, theirs)


def _equal(ours: list[Numbers], theirs: list[Numbers]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(ours, theirs, strict=True))


def _elsewhere(other: Recognised, path: str, ours: list[Numbers]) -> str | None:
    """Return the block of the other checkpoint whose weight of the same kind this is."""
    pattern, block = split_index(path)
    if block is None or other.config is None or other.matched is None:
        return None
    for index in range(other.config.n_layers):
        candidate = pattern.replace(INDEX, str(index))
        if index == block or candidate not in other.matched.weights:
            continue
        theirs = _rows(other, other.matched.weights[candidate])
        if [r.shape for r in ours] == [r.shape for r in theirs] and _equal(ours, theirs):
            return candidate
    return None


def _distance(ours: list[Numbers], theirs: list[Numbers]) -> str:
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = [np.abs(a.astype(np.float64) - b.astype(np.float64)) for a, b in zip(ours, theirs, strict=True)]
        scale = max(float(np.abs(b).max(initial=0)) for b in theirs)
    most = max(float(np.nanmax(gap)) if gap.size and not np.isnan(gap).all() else 0.0 for gap in gaps)
    changed = sum(int(np.count_nonzero(gap)) for gap in gaps)
    total = sum(gap.size for gap in gaps)
    return f"differs in {changed:,} of {total:,} numbers, by {most:.3g} at most (largest number {scale:.3g})"
