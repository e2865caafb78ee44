"""The tree read as lists: every weight, every step. Shapes are written as people read them (`axes.plain`)."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from msgspec import Struct

from gptcli.architecture.axes import Dim, Shape, Sizes, bound, elements, plain, shape_sizes, size
from gptcli.architecture.network import Block, Group, Kind, Layer, Network, Node, Stack, inputs_of, sizes_of_layer
from gptcli.architecture.parts.part import Part
from gptcli.architecture.roles import Role


class Weight(Struct, frozen=True):
    """A parameter tensor.

    Attributes:
        path: its name in ``named_parameters()``; the index of its kind of layer stands in place of the layer's number.
        shape: symbolic, in torch's order: (out, in) for a linear layer; sizes that are one layer's own are numbers.
        tied_to: the path of the weight it shares storage with, or None.
        times: how many layers of its kind there are, or None outside the layers.
        role: of the part that owns it.
        trained: whether training changes it.
    """

    path: str
    shape: Shape
    tied_to: str | None = None
    times: Dim | None = None
    role: Role | None = None
    trained: bool = True

    def count(self, sizes: Sizes) -> int:
        """Return the numbers one instance adds to the model: none where it is tied."""
        return 0 if self.tied_to else elements(self.shape, sizes)

    def amount(self, sizes: Sizes) -> int:
        """Return how often it stands in the network."""
        return size(self.times, sizes) if self.times else 1

    def total(self, sizes: Sizes) -> int:
        """Return the numbers all instances add to the model."""
        return self.count(sizes) * self.amount(sizes)


class Step(Struct, frozen=True):
    """A step of the forward pass, in order of execution.

    Attributes:
        path: where it stands: ``h.0.attn.softmax``.
        node: the part, or the group whose last part gave the output.
        reads: paths of the steps whose output it takes; ``ids`` and ``positions`` for the network's input.
        shape: the symbolic shape of its output.
        sizes: the value of every axis at this step.
        block: the number of its layer, or None outside the layers.
    """

    path: str
    node: Part | Group
    reads: tuple[str, ...]
    shape: Shape
    sizes: Sizes
    block: int | None = None

    @property
    def label(self) -> str:
        """The words people read."""
        return self.node.label

    @property
    def kind(self) -> str:
        """The kind of part or group."""
        return self.node.kind

    @property
    def group(self) -> bool:
        """Whether it stands for the steps of a group."""
        return isinstance(self.node, Group)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The shape in numbers."""
        return shape_sizes(self.shape, self.sizes)


class Found(Struct, frozen=True):
    """A node of the tree and where it stands.

    Attributes:
        path: the index of its kind of layer stands in place of the layer's number.
        node: a part or a group.
        kind: of its layer, or None outside the layers.
    """

    path: str
    node: Part | Group
    kind: Kind | None

    @property
    def layer(self) -> Layer | None:
        """A layer of its kind, or None outside the layers."""
        return self.kind.layer if self.kind else None

    def sizes(self, sizes: Sizes) -> Sizes:
        """Return the sizes with those that its layer has of its own."""
        return sizes if self.kind is None else sizes_of_layer(sizes, self.kind.layer)

    @property
    def times(self) -> Dim | None:
        """How many layers of its kind there are, or None outside the layers."""
        return self.kind.times if self.kind else None

    @property
    def amount(self) -> int:
        """How often it stands in the network."""
        return self.kind.amount if self.kind else 1


def layers(network: Network) -> list[tuple[str, Block]]:
    """Return the layers as runs of equal ones, each with the path of its kind: ``h.{i}``, or ``h.{0..4,6}``."""
    stacks = ((name, node) for name, node in network.parts if isinstance(node, Stack))
    return [(f"{name}.{block.kind.index}", block) for name, stack in stacks for block in stack.blocks()]


def walk(network: Network) -> Iterator[Found]:
    """Yield every part and group, a group before its parts, those of each kind of layer once."""
    return _walk(network, "", None)


def _walk(node: Node, path: str, kind: Kind | None) -> Iterator[Found]:
    if isinstance(node, Stack):
        for each in node.kinds():
            yield from _walk(each.layer.body, f"{path}.{each.index}", each)
        return
    yield Found(path, node, kind)
    if isinstance(node, Group):
        for name, child in node.parts:
            yield from _walk(child, f"{path}.{name}" if path else name, kind)


def parts_of(network: Network) -> Iterator[tuple[Found, Part]]:
    """Yield the parts among what `walk` finds."""
    for found in walk(network):
        if isinstance(found.node, Part):
            yield found, found.node


def read_shape(network: Network, layer: Layer | None, shape: Shape) -> Shape:
    """Return a shape of a layer as people read it: its own sizes as numbers, ``3C`` for ``(H + 2G)D`` where it is."""
    sizes = network.sizes if layer is None else sizes_of_layer(network.sizes, layer)
    own = dict(layer.sizes) if layer is not None else {}
    return plain(bound(shape, own), sizes)


class _Same:
    """A network as a key: itself and no equal one, since comparing or hashing reads the whole tree."""

    __slots__ = ("network",)

    def __init__(self, network: Network) -> None:
        self.network = network

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.network is self.network

    def __hash__(self) -> int:
        return id(self.network)


def weights(network: Network) -> tuple[Weight, ...]:
    """List every weight once, those of each kind of layer with how many layers there are."""
    return _weights(_Same(network))


@lru_cache(maxsize=4)
def _weights(same: _Same) -> tuple[Weight, ...]:
    network = same.network
    return tuple(
        Weight(
            f"{found.path}.{name}",
            read_shape(network, found.layer, shape),
            part.shared(name),
            found.times,
            part.role,
            part.trains(name),
        )
        for found, part in parts_of(network)
        for name, shape in part.weights().items()
    )


def each_weight(network: Network, sizes: Sizes) -> Iterator[Weight]:
    """Yield every weight of every layer, by the names and in the order of ``named_parameters()``."""
    return _each(network, lambda part: part.weights())


def each_buffer(network: Network) -> Iterator[Weight]:
    """Yield what every layer keeps beside its weights, by the names of ``named_buffers()``."""
    return _each(network, lambda part: part.buffers())


def _each(network: Network, of: Callable[[Part], Mapping[str, Shape]]) -> Iterator[Weight]:
    for name, node in network.parts:
        if isinstance(node, Stack):
            of_layer: dict[int, list[Weight]] = {}
            for index, layer in enumerate(node.layers()):
                known = of_layer.get(id(layer))
                if known is None:
                    known = of_layer[id(layer)] = list(_own(network, layer.body, "", layer, of))
                for weight in known:
                    yield Weight(f"{name}.{index}.{weight.path}", weight.shape, weight.tied_to, None, weight.role)
        else:
            yield from _own(network, node, name, None, of)


def _own(
    network: Network, node: Part | Group, path: str, layer: Layer | None, of: Callable[[Part], Mapping[str, Shape]]
) -> Iterator[Weight]:
    if isinstance(node, Part):
        for name, shape in of(node).items():
            yield Weight(f"{path}.{name}", read_shape(network, layer, shape), node.shared(name), None, node.role)
        return
    for name, child in node.parts:
        assert not isinstance(child, Stack)
        yield from _own(network, child, f"{path}.{name}" if path else name, layer, of)


def steps(network: Network, sizes: Sizes) -> list[Step]:
    """List every step of every layer in order of execution; a group stands where its output appears."""
    return list(_steps(network, "", {}, None, sizes, {}))


def _steps(
    group: Group, path: str, given: Mapping[str, str], block: int | None, sizes: Sizes, known: dict[Shape, Shape]
) -> Iterator[Step]:
    """Yield the steps of a group at ``path``; ``given`` has the steps that it reads by what its parts call them."""
    outputs = dict(given)
    for name, node in group.parts:
        here = f"{path}.{name}" if path else name
        reads = tuple(outputs.get(read, read) for read in node.reads)
        if isinstance(node, Stack):
            outputs[name] = reads[0]
            others = dict(zip(node.reads[1:], reads[1:], strict=True))
            for index, layer in enumerate(node.layers()):
                own = known if not layer.sizes else {}
                inputs = {"x": outputs[name], **others}
                yield from _steps(layer.body, f"{here}.{index}", inputs, index, sizes_of_layer(sizes, layer), own)
                outputs[name] = f"{here}.{index}.{layer.body.output}"
            continue
        if isinstance(node, Group):
            yield from _steps(node, here, inputs_of(node, reads), block, sizes, known)
        shape = output_shape(node)
        if shape not in known:
            known[shape] = plain(shape, sizes)
        yield Step(here, node, reads, known[shape], sizes, block)
        outputs[name] = here


def output_shape(node: Part | Group) -> Shape:
    """Return the shape of what a node gives: a group's is that of its last part."""
    if isinstance(node, Part):
        return node.shape
    last = node.parts[-1][1]
    return output_shape(next(last.layers()).body if isinstance(last, Stack) else last)
