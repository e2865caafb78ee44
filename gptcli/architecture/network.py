"""The network as data: a tree of parts wired by what they read, its layers a list of runs.

Names in the tree are the module paths, and their order is the order of execution. Everything else in gptcli - the torch
modules, the counts, the memory ledger, the drawings - is derived from the tree; `gptcli.architecture.plan` makes it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar, get_args

from msgspec import Struct

from gptcli.architecture.axes import Dim, L, Sizes, number
from gptcli.architecture.parts.part import Part
from gptcli.architecture.roles import Role
from gptcli.config import ModelConfig

Value = TypeVar("Value")
AttentionPath = Literal["sdpa", "explicit"]


def attention_path(name: str) -> AttentionPath:
    """Return the path of attention of that name.

    Raises:
        NotImplementedError: there is none.
    """
    found: AttentionPath | None = next((path for path in get_args(AttentionPath) if path == name), None)
    if found is None:
        raise NotImplementedError(name)
    return found


class Group(Struct, frozen=True, kw_only=True):
    """Parts that belong together; its output is that of the last one.

    Attributes:
        kind: the name of this kind of group.
        label: the words people read.
        computes: the whole of it as one line of mathematics; empty where it is no step of its own.
        reads: what it takes: names in the group around it. Its parts call the first one ``x`` and the others as they
            are called there.
        parts: name and node, in order of execution.
    """

    kind: str
    label: str
    computes: str = ""
    reads: tuple[str, ...] = ("x",)
    parts: tuple[tuple[str, "Node"], ...]

    def __getitem__(self, name: str) -> "Node":
        """Return the node of a name.

        Raises:
            KeyError: there is none.
        """
        return dict(self.parts)[name]

    def formula(self) -> str:
        """Return what the group computes, as one line.

        Raises:
            NotImplementedError: it is no step of its own.
        """
        if not self.computes:
            raise NotImplementedError(self.kind)
        return self.computes

    @property
    def output(self) -> str:
        """The name of the last part."""
        return self.parts[-1][0]


class Layer(Struct, frozen=True):
    """A layer: its parts, and the sizes that it has of its own, by their axes."""

    body: Group
    sizes: tuple[tuple[str, int], ...] = ()


class Run(Struct, frozen=True):
    """Layers that come again and again in the same order.

    Attributes:
        period: each layer and how often it stands there in a row.
        times: how often the period stands in a row.
    """

    period: tuple[tuple[Layer, int], ...]
    times: int

    def once(self) -> list[Layer]:
        """Return the layers of one period."""
        return [layer for layer, amount in self.period for _ in range(amount)]


class Kind(Struct, frozen=True):
    """All layers of a network that are alike.

    Attributes:
        layer: one of them.
        amount: how many there are.
        times: the same in symbols: L where all layers of the network are alike.
        index: what stands for their number in a path: ``{i}``, or ``{0..4,6}``.
    """

    layer: Layer
    amount: int
    times: Dim
    index: str


class Block(Struct, frozen=True):
    """Equal layers in a row: the first one's number, how many there are, and their kind."""

    first: int
    times: int
    kind: Kind


INDEX = "{i}"  # stands for a layer's number in paths: h.{i}.attn.c_attn
_NAMED = 3  # ranges of layers that a path names


class Stack(Struct, frozen=True, kw_only=True):
    """The layers, each with weights of its own, one after the other.

    Attributes:
        runs: the layers.
        reads: what the first layer takes; what stands after it, such as the angles of rotation, every layer takes.
    """

    runs: tuple[Run, ...]
    reads: tuple[str, ...]

    @property
    def depth(self) -> int:
        """How many layers there are."""
        return sum(run.times * sum(amount for _, amount in run.period) for run in self.runs)

    def layers(self) -> Iterator[Layer]:
        """Yield every layer in order."""
        for run in self.runs:
            for _ in range(run.times):
                yield from run.once()

    def blocks(self) -> list[Block]:
        """Return the layers as runs of equal ones."""
        kinds = {kind.layer: kind for kind in self.kinds()}
        return [Block(first, times, kinds[layer]) for first, times, layer in self._equal_in_a_row()]

    def kinds(self) -> list[Kind]:
        """Return the kinds of layer, each once, in the order in which they first stand; independent of the depth
        where all are alike.
        """
        ranges: dict[Layer, list[tuple[int, int]]] = {}
        for first, times, layer in self._equal_in_a_row():
            ranges.setdefault(layer, []).append((first, times))
        if len(ranges) == 1:
            return [Kind(layer, self.depth, L, INDEX) for layer in ranges]
        amounts = {layer: sum(times for _, times in found) for layer, found in ranges.items()}
        return [Kind(layer, n, number(n), _index(ranges[layer])) for layer, n in amounts.items()]

    def _equal_in_a_row(self) -> Iterator[tuple[int, int, Layer]]:
        first, times, last = 0, 0, None
        for layer, amount in self._portions():
            if layer is not last and layer != last and last is not None:
                yield first, times, last
                first, times = first + times, 0
            last, times = layer, times + amount
        if last is not None:
            yield first, times, last

    def _portions(self) -> Iterator[tuple[Layer, int]]:
        for run in self.runs:
            if len(run.period) == 1:
                layer, amount = run.period[0]
                yield layer, amount * run.times
            else:
                for _ in range(run.times):
                    yield from run.period


def _index(ranges: list[tuple[int, int]]) -> str:
    """``{0..4,6}`` for layers 0 to 4 and 6; of many ranges the first few are named."""
    named = [str(first) if times == 1 else f"{first}..{first + times - 1}" for first, times in ranges]
    return "{" + ",".join([*named[:_NAMED], *(["..."] if len(named) > _NAMED else [])]) + "}"


Node = Part | Group | Stack


class Adapters(Struct, frozen=True):
    """Low-rank adapters (`gptcli.architecture.adapters`): their rank, and the names of the layers that have one."""

    rank: int
    targets: tuple[str, ...]


class Network(Group, frozen=True, kw_only=True):
    """Token ids to logits: a model's config with the tree and the sizes that follow from it.

    Attributes:
        config: what the network is described from.
        attention: the path of attention that is described.
        sizes: the value of every axis but B and T.
        make: what describes the network of a config on a path of attention.
        adapters: the low-rank adapters that are trained in place of everything else, if there are any.
    """

    config: ModelConfig
    attention: AttentionPath
    sizes: dict[str, int]
    make: Callable[[ModelConfig, AttentionPath], "Network"]
    adapters: Adapters | None = None

    def sizes_for(self, batch: int | None = None, tokens: int | None = None) -> dict[str, int]:
        """Return the value of each axis; ``B`` and ``T`` only where they are given."""
        given = {"B": batch, "T": tokens}
        return {**self.sizes, **{symbol: value for symbol, value in given.items() if value is not None}}

    def on(self, attention: AttentionPath) -> "Network":
        """Return the network of the same plan on a path of attention: itself, where that is the path it is on."""
        return self if attention == self.attention else self.make(self.config, attention)

    def of(self, config: ModelConfig) -> "Network":
        """Return the network of another config, on the same path of attention."""
        return self if config == self.config else self.make(config, self.attention)

    @property
    def place_of_stack(self) -> int:
        """Where among its parts the layers stand."""
        return next(place for place, (_, node) in enumerate(self.parts) if isinstance(node, Stack))

    @property
    def stack(self) -> Stack:
        """The layers."""
        return next(node for _, node in self.parts if isinstance(node, Stack))

    def weight_of(self, role: Role) -> str:
        """Return the path of the weight of the part outside the layers that has a role.

        Raises:
            KeyError: there is none.
        """
        path, part = self._with_role(role)
        return f"{path}.{next(iter(part.weights()))}"

    def part_of(self, role: Role) -> Part:
        """Return the part outside the layers that has a role.

        Raises:
            KeyError: there is none.
        """
        return self._with_role(role)[1]

    def _with_role(self, role: Role) -> tuple[str, Part]:
        for path, node in self.parts:
            if isinstance(node, Part) and node.role == role:
                return path, node
        raise KeyError(role)


def inputs_of(node: Group | Stack, given: Sequence[Value]) -> dict[str, Value]:
    """Return what a group reads by the names that its parts have for it.

    Args:
        node: the group.
        given: for each name in its ``reads`` what stands there.
    """
    return dict(zip(("x", *node.reads[1:]), given, strict=True))


def sizes_of_layer(sizes: Sizes, layer: Layer) -> Sizes:
    """Return the sizes with those that a layer has of its own."""
    return {**sizes, **dict(layer.sizes)} if layer.sizes else sizes
