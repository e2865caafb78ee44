"""The described network as the sequence of kernels that runs, each value with the moment it is let go."""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture import Group, Network, Part, Stack
from gptcli.architecture.axes import ONE, Shape, T, bound, plain
from gptcli.architecture.books import INDEX, Amount, Conditions, Kernel, Reshaped, Value
from gptcli.architecture.listing import output_shape
from gptcli.architecture.network import Layer, Run, sizes_of_layer
from gptcli.architecture.parts.attention import in_cache, read_from_cache
from gptcli.architecture.parts.embedding import POSITIONS

SOURCE = "x"
_LAST = 2**31  # a place after every kernel

_Nodes = Iterable[tuple[str, Part | Group | Stack]]


class Section(Struct, frozen=True):
    """Kernels that run one after the other, from one value to another.

    Attributes:
        kernels: in order of execution.
        released: for each kernel the values that nobody needs once it is done; the section's result is in none.
        result: the value that the next section takes.
        random: whether it draws random numbers while training.
    """

    kernels: list[Kernel]
    released: list[list[str]]
    result: str
    random: bool = False


class Repeated(Struct, frozen=True):
    """A run of layers: the sections of one period, and how often the period stands in a row."""

    period: list[Section]
    times: int


class Program(Struct, frozen=True):
    """The forward pass: what stands before the layers, their runs, what stands after them.

    ``others`` are the values beside the stream that every layer reads: angles of rotation, positions.
    """

    before: Section
    runs: list[Repeated]
    after: Section
    others: tuple[str, ...] = ()


def program_of(network: Network, given: Conditions, *, last_only: bool = False) -> Program:
    """Lay the network out as kernels; ``last_only`` where each text's last token goes on after the layers alone."""
    names = [name for name, _ in network.parts]
    stack = network.stack
    place = network.place_of_stack
    stream = output_shape(next(stack.layers()).body)
    last = tuple(ONE if dim == T else dim for dim in stream) if last_only else stream
    layers: dict[Layer, Section] = {}
    start = _Builder(given, stream, {})
    start.count_positions(network)
    others = stack.reads[1:]
    before = _section(start, network.parts[:place], {}, result=stack.reads[0], kept=others)
    shared = {name: start.values[name] for name in others}
    return Program(
        before=before,
        runs=[each for run in stack.runs for each in _repeated(run, given, stream, layers, shared)],
        after=_section(_Builder(given, last, {}), network.parts[place + 1 :], {names[place]: SOURCE}),
        others=others,
    )


def _repeated(
    run: Run, given: Conditions, stream: Shape, known: dict[Layer, Section], shared: dict[str, Value]
) -> list[Repeated]:
    """Return the run; as runs of equal layers in a row, where what holds them is not repeated."""
    period = [(_layer(layer, given, stream, known, shared), amount) for layer, amount in run.period]
    if run.times == 1:
        return [Repeated([section], amount) for section, amount in period]
    return [Repeated([section for section, amount in period for _ in range(amount)], run.times)]


def _layer(
    layer: Layer, given: Conditions, stream: Shape, known: dict[Layer, Section], shared: dict[str, Value]
) -> Section:
    if layer not in known:
        own = replace(given, sizes=sizes_of_layer(given.sizes, layer)) if layer.sizes else given
        builder = _Builder(own, stream, dict(layer.sizes), shared)
        known[layer] = _section(builder, layer.body.parts, {"x": SOURCE}, kept=tuple(shared))
    return known[layer]


def section_of(listed: Sequence[Kernel], result: str) -> Section:
    """Find for each value of some kernels the last that needs it."""
    return Section(list(listed), _released(listed, {}, (result,)), result)


class _Builder:
    """Collects kernels; ``held`` says until which kernel the caller of a group keeps the group's input.

    Args:
        given: the conditions.
        stream: the shape of the residual stream.
        own: the sizes that a layer has of its own.
        shared: values made elsewhere that parts read.
    """

    def __init__(
        self, given: Conditions, stream: Shape, own: dict[str, int], shared: dict[str, Value] | None = None
    ) -> None:
        self.given = given
        self.kernels: list[Kernel] = []
        self.held: dict[str, int] = {}
        self.random = False
        self.values = {SOURCE: Value(SOURCE, given.stream_item, stream), **(shared or {})}
        self._own = own
        self._read: dict[Shape, Shape] = {}

    def count_positions(self, network: Network) -> None:
        """Append the positions, which the network counts, and which go with their last reader."""
        made = (Amount("Positions", (T,), INDEX),)
        value = Value(POSITIONS, INDEX, (T,), grad=False)
        self.kernels.append(Kernel(outs=(POSITIONS,), made=made, differentiable=False, value=value))
        self.values[POSITIONS] = value
        read_by_layers = POSITIONS in network.stack.reads
        if not read_by_layers and not any(POSITIONS in node.reads for _, node in network.parts):
            self.held[POSITIONS] = _LAST

    def add(self, name: str, node: Part | Group, reads: list[str]) -> str:
        """Append the kernels of a node and return the name of its value."""
        if isinstance(node, Part):
            taken = [self.values.get(read, Value(read, 0)) for read in reads]
            added = node.kernels(name, taken, self.given)
            for kernel in added:
                if kernel.value is not None:
                    self.values[kernel.value.name] = kernel.value
                    continue
                item = self.values[kernel.view_of].item if kernel.view_of else kernel.made[0].item
                self.values.update({out: Value(out, item, node.shape) for out in kernel.outs})
            self.kernels += map(self._readable, added)
            self.random |= node.random
            return self._kept(name, node) if node.kept and self.given.cached else name
        outputs = dict(zip(("x", *node.reads[1:]), reads, strict=True))
        for child_name, child in node.parts:
            assert not isinstance(child, Stack)
            inputs = [outputs[read] for read in child.reads]
            outputs[child_name] = self.add(f"{name}.{child_name}", child, inputs)
            last = outputs[child_name]
        for read in reads:
            self.held[read] = len(self.kernels) - 1
        return last

    def _kept(self, name: str, part: Part) -> str:
        """Let a part's readers read from the cache; what it made goes once it is written there."""
        value = in_cache(part, self.values[name], part.shape, self.given)
        if value is self.values[name]:
            return name
        read = replace(value, name=f"{name}.kept")
        self.kernels.append(read_from_cache(part, read, (name,)))
        self.values[read.name] = read
        return read.name

    def _readable(self, kernel: Kernel) -> Kernel:
        """Return the kernel with its shapes as people read them: what is one size has one name."""
        made = tuple(replace(amount, shape=self._shape(amount.shape)) for amount in kernel.made)
        gradients = tuple(
            replace(each, amount=replace(each.amount, shape=self._shape(each.amount.shape)))
            for each in kernel.gradients
        )
        inverse = kernel.inverse
        if isinstance(inverse, Reshaped):
            inverse = replace(inverse, copy=replace(inverse.copy, shape=self._shape(inverse.copy.shape)))
        return replace(kernel, made=made, gradients=gradients, inverse=inverse)

    def _shape(self, shape: Shape) -> Shape:
        if shape not in self._read:
            self._read[shape] = plain(bound(shape, self._own), self.given.sizes)
        return self._read[shape]


def _section(
    builder: _Builder, children: _Nodes, outputs: dict[str, str], result: str = "", kept: tuple[str, ...] = ()
) -> Section:
    """Lay parts out; ``result`` is the last one's value if not said, ``kept`` is needed after them."""
    takes_source = SOURCE in outputs.values()
    for name, node in children:
        assert not isinstance(node, Stack)
        outputs[name] = builder.add(name, node, [outputs.get(read, read) for read in node.reads])
        last = outputs[name]
    if takes_source and "x" in outputs:  # whoever calls a layer keeps its input until the layer returns
        builder.held[SOURCE] = len(builder.kernels) - 1
    result = outputs.get(result, last)
    held = {name: min(index, len(builder.kernels) - 1) for name, index in builder.held.items()}
    released = _released(builder.kernels, held, (result, *kept))
    return Section(builder.kernels, released, result, builder.random)


def _released(listed: Sequence[Kernel], held: dict[str, int], kept: tuple[str, ...]) -> list[list[str]]:
    last = dict(held)
    for index, kernel in enumerate(listed):
        for value in (*kernel.outs, *kernel.reads, *kernel.holds):
            last[value] = max(last.get(value, 0), index)
    released: list[list[str]] = [[] for _ in listed]
    for value, index in last.items():
        if value not in kept:
            released[index].append(value)
    return released
