"""The weights as programs that quantise them see them: what each is for, how it lies, in which layers it stands."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from gptcli.architecture.axes import shape_sizes
from gptcli.architecture.listing import Found, walk
from gptcli.architecture.network import Group, Network
from gptcli.architecture.parts.part import Part
from gptcli.architecture.roles import HEAD, POSITION_TABLE, QUERY_KEY_VALUE, TO_RESIDUAL, TOKEN_TABLE

Purpose = Literal[
    "token table",
    "position table",
    "head",
    "query, key, value",
    "query",
    "key",
    "value",
    "attention output",
    "up",
    "gate",
    "down",
    "router",
    "linear",
    "vector",
]

_TABLES: dict[str | None, Purpose] = {TOKEN_TABLE: "token table", POSITION_TABLE: "position table", HEAD: "head"}
# Of parts by the names that transformers' Llama gives them.
_BY_NAME: dict[str, Purpose] = {
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "o_proj": "attention output",
    "gate_proj": "gate",
    "up_proj": "up",
    "down_proj": "down",
    "router": "router",
}
_MATRIX = 2  # axes
_STACKED = 3  # axes of the matrices of all experts


class Quantizable(Struct, frozen=True):
    """A weight, or equal weights of several layers.

    Attributes:
        path: the index of its kind of layer stands in place of the layer's number.
        purpose: ``vector`` for norms, biases and whatever else is no matrix, ``linear`` for any other matrix.
        matrices: how many, one below the other: one for each expert.
        rows: of a matrix: outputs.
        columns: of a matrix: inputs; of a vector, its numbers.
        layers: numbers of the layers, in ranges, or None outside the layers.
    """

    path: str
    purpose: Purpose
    matrices: int
    rows: int
    columns: int
    layers: tuple[range, ...] | None = None

    @property
    def times(self) -> int:
        """How many such weights there are."""
        return 1 if self.layers is None else sum(map(len, self.layers))

    @property
    def numbers(self) -> int:
        """Of one weight."""
        return self.matrices * self.rows * self.columns

    @property
    def experts(self) -> bool:
        """Whether it holds a matrix for each expert."""
        return self.matrices > 1


class Facts(Struct, frozen=True, kw_only=True):
    """What of the model, beside the weights, decides their formats.

    Attributes:
        layers: how many.
        tied: whether the head is the token table.
        grouping: query heads that share a key.
        experts: of a layer; 0 without.
        falcon: whether it is one of the Falcon models, for which llama.cpp has rules of its own.
    """

    layers: int
    tied: bool
    grouping: int = 1
    experts: int = 0
    falcon: bool = False


def facts_of(network: Network) -> Facts:
    """Return what of a network decides formats."""
    sizes = dict(network.sizes)
    for layer in network.stack.layers():
        sizes |= dict(layer.sizes)
        break
    experts = max((weight.matrices for weight in quantizable(network)), default=0)
    return Facts(
        layers=network.stack.depth,
        tied=network.part_of(HEAD).tied_to is not None,
        grouping=sizes["H"] // sizes["G"],
        experts=experts if experts > 1 else 0,
    )


def quantizable(network: Network) -> Iterator[Quantizable]:
    """Yield every weight that has memory of its own, those of a kind of layer once."""
    ranges: dict[str, list[range]] = defaultdict(list)
    for block in network.stack.blocks():
        ranges[block.kind.index].append(range(block.first, block.first + block.times))
    groups: dict[str, str] = {}
    for found in walk(network):
        if isinstance(found.node, Group):
            groups[found.path] = found.node.kind
        elif not found.node.tied_to:
            layers = None if found.kind is None else tuple(ranges[found.kind.index])
            yield from _weights(network, found, found.node, groups, layers)


def _weights(
    network: Network, found: Found, part: Part, groups: dict[str, str], layers: tuple[range, ...] | None
) -> Iterator[Quantizable]:
    for name, symbols in part.weights().items():
        shape = shape_sizes(symbols, found.sizes(network.sizes))
        purpose = purpose_of(found.path, part, name, groups.get(found.path.rpartition(".")[0], ""))
        if purpose == "vector" or len(shape) < _MATRIX:
            numbers = 1
            for length in shape:
                numbers *= length
            yield Quantizable(f"{found.path}.{name}", "vector", 1, 1, numbers, layers)
            continue
        matrices = shape[0] if len(shape) == _STACKED else 1
        yield Quantizable(f"{found.path}.{name}", purpose, matrices, shape[-2], shape[-1], layers)


def purpose_of(path: str, part: Part, weight: str, group: str) -> Purpose:
    """Return what a weight is for, from the role of its part, its name, and the kind of group it stands in."""
    if part.family == "norm" or weight.endswith("bias"):
        return "vector"
    if part.role in _TABLES:
        return _TABLES[part.role]
    if part.role == QUERY_KEY_VALUE:
        return "query, key, value"
    for name in (weight, path.rpartition(".")[2]):
        if name in _BY_NAME:
            return _BY_NAME[name]
    if group == "attention" and part.role == TO_RESIDUAL:
        return "attention output"
    if group == "feed_forward":
        return "down" if part.role == TO_RESIDUAL else "up"
    return "linear"
