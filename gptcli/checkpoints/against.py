"""Two checkpoints compared weight by weight, in any layouts; mistakes that explain a difference are named."""

import numpy as np
from msgspec import Struct

from gptcli.architecture import each_buffer, each_weight, shape_sizes, size
from gptcli.architecture.network import INDEX
from gptcli.checkpoints.layouts import split_index
from gptcli.checkpoints.matching import Part, sizes_in
from gptcli.checkpoints.numbers import Numbers
from gptcli.checkpoints.pieces import Place, same_numbers, stored_shape, views
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
    mine, yours = _Side.of(one), _Side.of(other)
    findings = []
    equal = 0
    for path, parts in one.matched.weights.items():
        if path not in other.matched.weights:
            continue
        ours = mine.rows(path, parts)
        theirs = yours.rows(path, other.matched.weights[path])
        difference = _difference(yours, path, ours, theirs)
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


class _Side(Struct, frozen=True):
    """A checkpoint, and the shapes of the weights that it should hold, where that is known."""

    recognised: Recognised
    described: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, recognised: Recognised) -> "_Side":
        """Return a checkpoint as a side of the comparison."""
        network = recognised.network
        listed = [] if network is None else [*each_weight(network, network.sizes), *each_buffer(network)]
        return cls(recognised, {each.path: shape_sizes(each.shape, network.sizes) for each in listed if network})

    def rows(self, path: str, parts: dict[int, Part]) -> list[Numbers]:
        """Return a weight as torch has it, cut into the projections that its rows are made of."""
        place = parts[min(parts)].place
        stored = [self._piece(path, part) for _, part in sorted(parts.items())]
        if place.each:
            experts = [stored[start : start + place.parts] for start in range(0, len(stored), place.parts)]
            whole = [np.concatenate(pieces) for pieces in experts]
            return [np.stack(whole)] if len({each.shape for each in whole}) == 1 else whole
        return self._cut(stored[0], place) if place.stacked > 1 and len(stored) == 1 else stored

    def _piece(self, path: str, part: Part) -> Numbers:
        place, tensor, network = part.place, part.tensor, self.recognised.network
        portions = self.recognised.opened.source.portions(tensor, 0, tensor.numbers)
        flat = np.concatenate([portion.copy() for portion in portions] or [np.empty(0, np.float32)])
        lying = flat.reshape(tensor.shape)
        if network is not None and path in self.described:
            sizes = sizes_in(network, part.block)
            if same_numbers(tensor.shape, stored_shape(place, self.described[path], sizes)):
                cut: list[Numbers] = views(place, lying, self.described[path], sizes)
                return np.concatenate(cut, axis=place.rows_axis)
        return lying.swapaxes(-1, -2) if place.transposed else lying

    def _cut(self, whole: Numbers, place: Place) -> list[Numbers]:
        if self.recognised.network is None:
            return list(np.split(whole, place.stacked)) if whole.shape[0] % place.stacked == 0 else [whole]
        ends = np.cumsum([size(dim, self.recognised.network.sizes) for dim in place.outputs])
        return list(np.split(whole, ends[:-1])) if ends[-1] == whole.shape[0] else [whole]


def _difference(other: _Side, path: str, ours: list[Numbers], theirs: list[Numbers]) -> str | None:
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


def _elsewhere(other: _Side, path: str, ours: list[Numbers]) -> str | None:
    """Return the block of the other checkpoint whose weight of the same kind this is."""
    pattern, block = split_index(path)
    config, matched = other.recognised.config, other.recognised.matched
    if block is None or config is None or matched is None:
        return None
    for index in range(config.n_layers):
        candidate = pattern.replace(INDEX, str(index))
        if index == block or candidate not in matched.weights:
            continue
        theirs = other.rows(candidate, matched.weights[candidate])
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
