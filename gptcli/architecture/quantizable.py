"""The weights as programs that quantise them see them: what each is for, how it lies, in which layers it stands."""

from collections import defaultdict
from collections.abc import Iterator
from math import prod
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture.axes import H, P, Sizes, shape_sizes, size
from gptcli.architecture.listing import Found, walk
from gptcli.architecture.network import Group, Network
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.parts.part import Part
from gptcli.architecture.roles import GATE, HEAD, POSITION_TABLE, QUERY_KEY_VALUE, ROUTER, TO_RESIDUAL, TOKEN_TABLE
from gptcli.config import ModelConfig

Purpose = Literal[
    "token table",
    "position table",
    "head",
    "query, key, value",
    "query",
    "key",
    "value",
    "latent",
    "attention output",
    "up",
    "gate",
    "down",
    "router",
    "linear",
    "vector",
]

_BY_ROLE: dict[str | None, Purpose] = {
    TOKEN_TABLE: "token table",
    POSITION_TABLE: "position table",
    HEAD: "head",
    QUERY_KEY_VALUE: "query, key, value",
    ROUTER: "router",
    GATE: "gate",
}
# Of parts and their weights by the names that the wiring gives them.
_BY_NAME: dict[str, Purpose] = {
    "q_proj": "query",
    "kv_b_proj": "latent",
    "up_proj": "up",
    "gate_up_proj": "up",
    "down_proj": "down",
    "shared_gate": "router",
}
_APART: tuple[Purpose, ...] = ("query", "key", "value")
_MATRIX = 2  # axes
_STACKED = 3  # axes of the matrices of all experts

# Whose files have query, key and value in one tensor, by the name of their model type.
FUSED = (
    "codegen", "bloom", "falcon", "gpt2", "gpt_bigcode", "gpt_neox", "mpt", "openai-gpt", "persimmon", "phi3",
)  # fmt: skip
_FALCON = "falcon"


class Quantizable(Struct, frozen=True):
    """A weight, or equal weights of several layers.

    Attributes:
        path: the index of its kind of layer stands in place of the layer's number.
        purpose: ``latent`` for the matrix that makes keys and values from a latent, ``vector`` for norms, biases and
            whatever else is no matrix, ``linear`` for any other matrix.
        matrices: how many, one below the other: one for each expert.
        rows: of a matrix: outputs.
        columns: of a matrix: inputs; of a vector, its numbers.
        layers: numbers of the layers, in ranges, or None outside the layers.
        heads: of ``latent``, how many heads' keys and values it makes.
        key_rows: of ``latent``, how many of a head's rows make its key.
    """

    path: str
    purpose: Purpose
    matrices: int
    rows: int
    columns: int
    layers: tuple[range, ...] | None = None
    heads: int = 0
    key_rows: int = 0

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
    return Facts(
        layers=network.stack.depth,
        tied=network.part_of(HEAD).tied_to is not None,
        grouping=network.sizes["H"] // network.sizes["G"],
        experts=network.sizes.get("E", 0),
        falcon=network.config.family == _FALCON,
    )


def stores_fused(config: ModelConfig) -> bool:
    """Return whether a model's own files have query, key and value in one tensor.

    Without a family, models with learned positions are GPT-2's, those with ALiBi Bloom's, and others Llama's.
    """
    return config.family in FUSED if config.family else config.positions in ("learned", "alibi")


def quantizable(network: Network) -> Iterator[Quantizable]:
    """Yield every weight that has memory of its own, those of a kind of layer once, as the model's files have it."""
    ranges: dict[str, list[range]] = defaultdict(list)
    for block in network.stack.blocks():
        ranges[block.kind.index].append(range(block.first, block.first + block.times))
    groups: dict[str, str] = {}
    for found in walk(network):
        if isinstance(found.node, Group):
            groups[found.path] = found.node.kind
            continue
        layers = None if found.kind is None else tuple(ranges[found.kind.index])
        group = groups.get(found.path.rpartition(".")[0], "")
        for name, shape in found.node.weights().items():
            if not found.node.shared(name):
                lies = shape_sizes(shape, found.sizes(network.sizes))
                whole = _weight(found, found.node, name, group, lies, layers)
                yield from _as_stored(whole, found.node, found.sizes(network.sizes), network.config)


def _weight(
    found: Found, part: Part, name: str, group: str, shape: tuple[int, ...], layers: tuple[range, ...] | None
) -> Quantizable:
    path, purpose = f"{found.path}.{name}", purpose_of(found.path, part, name, group)
    if purpose == "vector" or len(shape) < _MATRIX:
        return Quantizable(path, "vector", 1, 1, prod(shape), layers)
    matrices = shape[0] if len(shape) == _STACKED else 1
    return Quantizable(path, purpose, matrices, shape[-2], shape[-1], layers)


def _as_stored(whole: Quantizable, part: Part, sizes: Sizes, config: ModelConfig) -> Iterator[Quantizable]:
    """Yield the tensors that a model's files have for a weight."""
    if whole.purpose == "query, key, value" and not stores_fused(config):
        assert isinstance(part, Linear)
        for purpose, rows in zip(_APART, part.outputs, strict=True):
            yield replace(whole, purpose=purpose, rows=size(rows, sizes))
    elif whole.experts and whole.path.endswith("gate_up_proj"):
        yield replace(whole, purpose="gate", rows=whole.rows // 2)
        yield replace(whole, purpose="up", rows=whole.rows // 2)
    elif whole.purpose == "latent":
        yield replace(whole, heads=size(H, sizes), key_rows=size(P, sizes))
    else:
        yield whole


def purpose_of(path: str, part: Part, weight: str, group: str) -> Purpose:
    """Return what a weight is for, from the role of its part, its name, and the kind of group it stands in."""
    if part.family == "norm" or weight.endswith("bias"):
        return "vector"
    if part.role in _BY_ROLE:
        return _BY_ROLE[part.role]
    for name in (weight, path.rpartition(".")[2]):
        if name in _BY_NAME:
            return _BY_NAME[name]
    if part.role == TO_RESIDUAL:
        return "down" if group == "feed_forward" else "attention output"
    return "up" if group == "feed_forward" else "linear"
