"""The layers as a drawing shows them: of each kind the first ones, folded into one; what comes again, as a line.

Of 62 layers, five of one kind and one of another by turns, a drawing has four places: layers 0 to 4, of which one is
drawn; layer 5; layers 6 to 59, nine times as 0 to 5; layers 60 to 61, as 0 to 1.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from gptcli.architecture.network import INDEX
from gptcli.architecture.paths import names_in, path_of_layers
from gptcli.render.units import count
from gptcli.reports.block import Block

_Run = TypeVar("_Run", bound=Block)
_LONGEST = 64  # runs in a period that is looked for


class Fold(NamedTuple):
    """Layers in a row that stand in one place of a drawing.

    Attributes:
        first: the number of the first layer.
        times: how many layers there are.
        path: with their numbers: ``h.{0..4}``, or ``h.{i}`` where they are all layers of the network.
        kind: the path of the kind of the last of them, as the report has it.
        label: the words for one of them.
        whole: whether they are all layers of the network.
        like: the first of the earlier layers that these are as, or None where one of these is drawn itself.
        again: how often those earlier layers come again here.
    """

    first: int
    times: int
    path: str
    kind: str
    label: str
    whole: bool
    like: int | None = None
    again: int = 1

    @property
    def drawn(self) -> bool:
        """Whether one of these layers is drawn itself."""
        return self.like is None

    @property
    def title(self) -> str:
        """The words for all of them: ``12 x Transformer block``."""
        if self.like is not None:
            again = f" ({count(self.again)} x)" if self.again > 1 else ""
            earlier = numbers(self.like, self.times // self.again)
            return f"{'Block' if self.times == 1 else 'Blocks'} {self.numbers}, as {earlier}{again}"
        if self.whole:
            return f"{count(self.times)} x {self.label}"
        return (
            f"{count(self.times)} x {self.label}, {self.numbers}" if self.times > 1 else f"{self.label} {self.numbers}"
        )

    @property
    def numbers(self) -> str:
        """``0 to 4``."""
        return numbers(self.first, self.times)


def numbers(first: int, times: int) -> str:
    """Return the numbers of layers in a row, for people: ``0 to 4``, or ``5``."""
    return count(first) if times == 1 else f"{count(first)} to {count(first + times - 1)}"


def one_of(fold: Fold) -> str:
    """Return the words for the one that is drawn: ``Transformer block, one of 12``, or ``..., one of 0 to 4``."""
    if fold.whole:
        return f"{fold.label}, one of {count(fold.times)}"
    return f"{fold.label}, one of {fold.numbers}" if fold.times > 1 else f"{fold.label} {count(fold.first)}"


def kind_title(path: str, label: str, times: int) -> str:
    """Return the words for all layers of a kind: ``52 x Transformer block, as 0``.

    Args:
        path: of the kind, as a report has it: ``h.{0..4,6..10}``; ``h.{i}`` where the network has one kind.
        label: the words for a layer.
        times: how many there are.
    """
    if path.endswith(INDEX):
        return f"{count(times)} x {label}"
    first = count(int(re.findall(r"\d+", names_in(path)[-1])[0]))
    return f"{count(times)} x {label}, as {first}" if times > 1 else f"{label} {first}"


def folds(blocks: Sequence[Block]) -> list[Fold]:
    """Return the layers of a network in the places that they have in a drawing."""
    return list(_folds(blocks))


def single(blocks: Sequence[Block], number: int) -> Fold:
    """Return a layer that is drawn by itself."""
    block = block_of(blocks, number)
    return Fold(number, 1, path_of_layers(block.path, number, 1), block.path, block.label, whole=False)


def block_of(blocks: Sequence[_Run], number: int) -> _Run:
    """Return the run of equal layers that a layer is in."""
    return blocks[bisect_right(blocks, number, key=lambda block: block.first) - 1]


def _folds(blocks: Sequence[Block]) -> Iterator[Fold]:
    known: set[str] = set()
    place = 0
    while place < len(blocks):
        block = blocks[place]
        if block.path in known:
            period, again = _period(blocks, place)
            fold = _earlier(blocks, place) if not again else _fold(blocks, place, period * again)
            if again:
                fold = fold._replace(like=_first_such(blocks, place, period).first, again=again)
            place += max(period * again, 1)
        else:
            fold = _fold(blocks, place, 1)
            known.add(block.path)
            place += 1
        yield fold


def _fold(blocks: Sequence[Block], place: int, runs: int) -> Fold:
    first, last = blocks[place], blocks[place + runs - 1]
    times = last.first + last.times - first.first
    whole = runs == len(blocks) == 1
    path = first.path if whole else path_of_layers(first.path, first.first, times)
    return Fold(first.first, times, path, last.path, last.label, whole)


def _alike(one: Block, other: Block) -> bool:
    return one.path == other.path and one.times == other.times


def _period(blocks: Sequence[Block], place: int) -> tuple[int, int]:
    """Return how many runs directly before a place come again from there on, and how often; the most runs in all."""
    best = (0, 0)
    for period in range(1, min(place, _LONGEST) + 1):
        end = place
        while end < len(blocks) and _alike(blocks[end], blocks[end - period]):
            end += 1
        again = (end - place) // period
        if period * again > best[0] * best[1]:
            best = (period, again)
    return best


def _first_such(blocks: Sequence[Block], place: int, period: int) -> Block:
    """Return where the runs from a place on first stand."""
    return next(
        blocks[start]
        for start in range(place)
        if all(_alike(blocks[start + each], blocks[place + each]) for each in range(period))
    )


def _earlier(blocks: Sequence[Block], place: int) -> Fold:
    """Return a run as the layers that it repeats: as many of its kind in a row, or one of them several times."""
    own = blocks[place]
    same = [each for each in blocks[:place] if each.path == own.path]
    long = next((each for each in same if each.times >= own.times), None)
    fold = _fold(blocks, place, 1)
    return fold._replace(like=long.first) if long else fold._replace(like=same[0].first, again=own.times)
