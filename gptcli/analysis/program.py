"""The described network as the sequence of kernels that runs, each value with the moment it is let go."""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture import Group, Network, Part, Stack
from gptcli.architecture.axes import Shape, bound, plain
from gptcli.architecture.books import Conditions, Kernel, Value
from gptcli.architecture.listing import output_shape
from gptcli.architecture.network import Layer, Run, sizes_of_layer

SOURCE = "x"

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
    """The forward pass: what stands before the layers, their runs, what stands after them."""

    before: Section
    runs: list[Repeated]
    after: Section


def program_of(network: Network, given: Conditions) -> Program:
    """Lay the network out as kernels."""
    names = [name for name, _ in network.parts]
    stack = network.stack
    place = network.place_of_stack
    stream = output_shape(next(stack.layers()).body)
    layers: dict[Layer, Section] = {}
    return Program(
        before=_section(network.parts[:place], given, {}, stream),
        runs=[_repeated(run, given, stream, layers) for run in stack.runs],
        after=_section(network.parts[place + 1 :], given, {names[place]: SOURCE}, stream),
    )


def _repeated(run: Run, given: Conditions, stream: Shape, known: dict[Layer, Section]) -> Repeated:
    period = run.once()
    for layer in period:
        if layer not in known:
            own = replace(given, sizes=sizes_of_layer(given.sizes, layer)) if layer.sizes else given
            known[layer] = _section(layer.body.parts, own, {"x": SOURCE}, stream, dict(layer.sizes))
    return Repeated([known[layer] for layer in period], run.times)


def section_of(listed: Sequence[Kernel], result: str) -> Section:
    """Find for each value of some kernels the last that needs it."""
    return Section(list(listed), _released(listed, {}, result), result)


class _Builder:
    """Collects kernels; ``held`` says until which kernel the caller of a group keeps the group's input."""

    def __init__(self, given: Conditions, stream: Shape, own: dict[str, int]) -> None:
        self.given = given
        self.kernels: list[Kernel] = []
        self.held: dict[str, int] = {}
        self.random = False
        self._values = {SOURCE: Value(SOURCE, given.stream_item, stream)}
        self._own = own
        self._read: dict[Shape, Shape] = {}

    def add(self, name: str, node: Part | Group, reads: list[str]) -> str:
        """Append the kernels of a node and return the name of its value."""
        if isinstance(node, Part):
            taken = [self._values.get(read, Value(read, 0)) for read in reads]
            added = node.kernels(name, taken, self.given)
            for kernel in added:
                item = self._values[kernel.view_of].item if kernel.view_of else kernel.made[0].item
                self._values.update({out: Value(out, item, node.shape) for out in kernel.outs})
            self.kernels += map(self._readable, added)
            self.random |= node.random
            return name
        outputs = dict(zip(("x",), reads, strict=True))
        for child_name, child in node.parts:
            assert not isinstance(child, Stack)
            inputs = [outputs[read] for read in child.reads]
            outputs[child_name] = self.add(f"{name}.{child_name}", child, inputs)
            last = outputs[child_name]
        self.held[reads[0]] = len(self.kernels) - 1
        return last

    def _readable(self, kernel: Kernel) -> Kernel:
        """Return the kernel with its shapes as people read them: what is one size has one name."""
        made = tuple(replace(amount, shape=self._shape(amount.shape)) for amount in kernel.made)
        gradients = tuple(
            replace(each, amount=replace(each.amount, shape=self._shape(each.amount.shape)))
            for each in kernel.gradients
        )
        return replace(kernel, made=made, gradients=gradients)

    def _shape(self, shape: Shape) -> Shape:
        if shape not in self._read:
            self._read[shape] = plain(bound(shape, self._own), self.given.sizes)
        return self._read[shape]


def _section(
    children: _Nodes, given: Conditions, outputs: dict[str, str], stream: Shape, own: dict[str, int] | None = None
) -> Section:
    builder = _Builder(given, stream, own or {})
    takes_source = SOURCE in outputs.values()
    for name, node in children:
        assert not isinstance(node, Stack)
        outputs[name] = builder.add(name, node, [outputs.get(read, read) for read in node.reads])
        result = outputs[name]
    if takes_source and "x" in outputs:  # whoever calls a layer keeps its input until the layer returns
        builder.held[SOURCE] = len(builder.kernels) - 1
    released = _released(builder.kernels, builder.held, result)
    return Section(builder.kernels, released, result, builder.random)


def _released(listed: Sequence[Kernel], held: dict[str, int], result: str) -> list[list[str]]:
    last = dict(held)
    for index, kernel in enumerate(listed):
        for value in (*kernel.outs, *kernel.reads, *kernel.holds):
            last[value] = max(last.get(value, 0), index)
    released: list[list[str]] = [[] for _ in listed]
    for value, index in last.items():
        if value != result:
            released[index].append(value)
    return released
