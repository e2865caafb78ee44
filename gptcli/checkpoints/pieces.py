"""Stored tensors and the weights that they hold: whole, in pieces, beside others, with rows in another order.

What is cut here is a NumPy array or a torch tensor; nothing is copied.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from msgspec import Struct

from gptcli.architecture import Shape
from gptcli.architecture.axes import Dim, Sizes, size
from gptcli.architecture.parts.part import Family
from gptcli.architecture.roles import Role

# How the rows of a stored tensor become ours:
# - groups: for each group of heads its queries, its key, its value, as Megatron-LM lays them;
# - quarters: four blocks of queries, values and keys, as CodeGen's training on four TPU cores left them;
# - interleaved: even rows, then odd ones;
# - first half, second half: the tensor holds two weights, one after the other.
Order = Literal["in order", "groups", "quarters", "interleaved", "first half", "second half"]
ORDERS = get_args(Order)
EACH = "{e}"  # stands for an expert's number in stored names, or a head's
_HALVES = ("first half", "second half")
_QUARTERS = 4


class Stored(Struct, frozen=True):
    """One way to store a weight.

    Attributes:
        names: of the tensors, in the order of the rows that they hold; with ``{e}``, one for each expert.
        turned: whether matrices lie as (in, out).
        order: of the rows.
    """

    names: tuple[str, ...]
    turned: bool = False
    order: Order = "in order"


class Place(Struct, frozen=True, kw_only=True):
    """Where a described weight, or some of its rows, is stored; and what is described of it.

    Attributes:
        path: the weight, with ``{i}`` where it stands in every block.
        part: which piece of its rows, or of each expert's.
        parts: how many pieces there are.
        transposed: whether it is stored as (in, out).
        name: of the weight within its part of the network: ``weight`` or ``bias``.
        shape: of the whole weight, symbolic, in torch's order.
        role: of its part of the network.
        family: likewise.
        outputs: the rows that it is made of: three numbers of them where query, key and value are one weight.
        spelling: which of several ways to store the weight this is; the first is the usual one.
        each: whether the stored tensor is that of one expert, or of one head.
        order: of the stored rows.
        buffer: whether it is no parameter.
        untrained: the number that all its numbers are before training, if it is a norm's.
    """

    path: str
    part: int = 0
    parts: int = 1
    transposed: bool = False
    name: str
    shape: Shape
    role: Role | None
    family: Family
    outputs: tuple[Dim, ...] = ()
    spelling: int = 0
    each: bool = False
    order: Order = "in order"
    buffer: bool = False
    untrained: float = 1.0

    @property
    def stacked(self) -> int:
        """How many projections its rows are made of."""
        return max(len(self.outputs), 1)

    @property
    def rows_axis(self) -> int:
        """The axis of the rows in what one tensor holds: of stacked experts the second."""
        return 1 if self.family == "experts" and not self.each and len(self.shape) > 1 else 0

    @property
    def plain(self) -> bool:
        """Whether one stored tensor is the whole weight, at most the other way round."""
        return self.parts == 1 and not self.each and self.order == "in order"


def piece_shape(place: Place, described: tuple[int, ...], sizes: Sizes) -> tuple[int, ...]:
    """Return the shape of what a stored tensor holds of a weight, as torch has it.

    Args:
        place: of the tensor.
        described: the shape of the weight.
        sizes: of its layer.
    """
    shape = list(described[1:] if place.each else described)
    if place.parts > 1:
        axis = place.rows_axis
        exact = len(place.outputs) == place.parts
        shape[axis] = size(place.outputs[place.part], sizes) if exact else shape[axis] // place.parts
    return tuple(shape)


def stored_shape(place: Place, described: tuple[int, ...], sizes: Sizes) -> tuple[int, ...]:
    """Return the shape in which a tensor should be stored; arguments as for `piece_shape`."""
    shape = list(piece_shape(place, described, sizes))
    if place.order in _HALVES:
        shape[place.rows_axis] *= 2
    if place.transposed:
        shape[-2:] = shape[:-3:-1]
    return tuple(shape)


def same_numbers(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether two shapes differ at most by dimensions of one number."""
    return one == other or [n for n in one if n != 1] == [n for n in other if n != 1]


def views(place: Place, stored: Any, described: tuple[int, ...], sizes: Sizes) -> list[Any]:
    """Return views of a stored tensor which, one after the other along the rows, are the piece that it holds.

    Args:
        place: of the tensor.
        stored: its numbers, of the shape that `stored_shape` gives.
        described: the shape of the weight.
        sizes: of its layer.
    """
    lying = stored.reshape(stored_shape(place, described, sizes))
    if place.transposed:
        lying = lying.swapaxes(-1, -2)
    axis = place.rows_axis
    ranges = _ranges(place.order, lying.shape[axis], sizes)
    before = (slice(None),) * axis
    return [lying[(*before, slice(each.start, each.stop, each.step))] for each in ranges] or [lying]


def _ranges(order: Order, rows: int, sizes: Sizes) -> list[range]:
    """Return which stored rows are ours, in our order; nothing for all of them as they lie.

    Raises:
        NotImplementedError: nothing says how to lay rows of that order.
    """
    match order:
        case "in order":
            return []
        case "first half":
            return [range(rows // 2)]
        case "second half":
            return [range(rows // 2, rows)]
        case "interleaved":
            return [range(0, rows, 2), range(1, rows, 2)]
        case "groups":
            return _grouped(sizes)
        case "quarters":
            return _quartered(rows)
    raise NotImplementedError(order)


def _grouped(sizes: Sizes) -> list[range]:
    """For each of G groups H / G queries, a key and a value, each D rows."""
    width, groups = sizes["D"], sizes["G"]
    queries = sizes["H"] // groups * width
    starts = range(0, groups * (queries + 2 * width), queries + 2 * width)
    return [
        *(range(start, start + queries) for start in starts),
        *(range(start + queries, start + queries + width) for start in starts),
        *(range(start + queries + width, start + queries + 2 * width) for start in starts),
    ]


def _quartered(rows: int) -> list[range]:
    block = rows // _QUARTERS
    third = block // 3
    blocks = range(0, rows, block)
    return [range(start + place * third, start + (place + 1) * third) for place in (0, 2, 1) for start in blocks]


def parsed(text: str) -> tuple[Stored, ...]:
    """Read a line of a table of names: ``a + b | c [turned, groups]``.

    Pieces of one weight are joined by ``+``, ways to store it by ``|``; what is special of a way follows in brackets.
    """
    return tuple(_way(each.strip()) for each in text.split("|"))


def _way(text: str) -> Stored:
    names, _, said = text.partition("[")
    words = [word.strip() for word in said.rstrip("]").split(",")] if said else []
    orders: Mapping[str, Order] = {order: order for order in ORDERS}
    order: Order = next((orders[word] for word in words if word in orders), "in order")
    return Stored(tuple(name.strip() for name in names.split("+")), "turned" in words, order)
