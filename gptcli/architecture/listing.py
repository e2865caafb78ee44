"""The description read as lists: every weight, every step."""

from collections.abc import Iterator

from msgspec import Struct

from gptcli.architecture.network import Group, Network, Node, Repeat
from gptcli.architecture.operations import Linear, Operation
from gptcli.architecture.symbols import Dim, Shape, Sizes, elements, size

INDEX = "{i}"  # stands in paths of a repeated group: h.{i}.attn.c_attn


class Weight(Struct, frozen=True):
    """A parameter tensor.

    Attributes:
        path: its name in ``named_parameters()``, with ``{i}`` where its group is repeated.
        shape: symbolic, in torch's order: (out, in) for a linear layer.
        tied_to: the path of the weight it shares storage with, or None.
        times: how often its group stands in the network, or None for once.
    """

    path: str
    shape: Shape
    tied_to: str | None = None
    times: Dim | None = None

    def count(self, sizes: Sizes) -> int:
        """Return the numbers one instance adds to the model: none where it is tied."""
        return 0 if self.tied_to else elements(self.shape, sizes)

    def total(self, sizes: Sizes) -> int:
        """Return the numbers all instances add to the model."""
        return self.count(sizes) * (size(self.times, sizes) if self.times else 1)


class Step(Struct, frozen=True):
    """A step of the forward pass, in order of execution.

    Attributes:
        path: where it stands: ``h.0.attn.softmax``.
        label: the words people read.
        kind: the kind of operation.
        reads: paths of the steps whose output it takes; ``ids`` and ``positions`` for the network's input.
        shape: the symbolic shape of its output.
        block: index of its block, or None outside the blocks.
        group: whether it stands for the steps of a group, of which the last gave its output.
    """

    path: str
    label: str
    kind: str
    reads: tuple[str, ...]
    shape: Shape
    block: int | None = None
    group: bool = False


def shared_path(step: Step) -> str:
    """Return a step's path as that of every block: ``h.3.attn.heads`` -> ``h.{i}.attn.heads``."""
    return step.path if step.block is None else step.path.replace(f".{step.block}.", f".{INDEX}.", 1)


def walk(node: Node, path: str = "", times: Dim | None = None) -> Iterator[tuple[str, Operation | Group, Dim | None]]:
    """Yield path, node and multiplicity of every operation and group, a group before its parts."""
    if isinstance(node, Repeat):
        yield from walk(node.body, f"{path}.{INDEX}", node.times)
        return
    yield path, node, times
    if isinstance(node, Group):
        for name, child in node.children():
            yield from walk(child, f"{path}.{name}" if path else name, times)


def weights(network: Network) -> list[Weight]:
    """List every weight once, a repeated block's with its multiplicity."""
    found = []
    for path, node, times in walk(network):
        if isinstance(node, Operation):
            tied_to = node.tied_to if isinstance(node, Linear) else None
            found += [Weight(f"{path}.{name}", shape, tied_to, times) for name, shape in node.weights().items()]
    return found


def each_weight(network: Network, sizes: Sizes) -> Iterator[Weight]:
    """Yield every weight of every block, by the names and in the order of ``named_parameters()``."""
    listed = weights(network)
    repeated = [weight for weight in listed if weight.times]
    done = False
    for weight in listed:
        if weight.times is None:
            yield weight
        elif not done:
            done = True
            for index in range(size(weight.times, sizes)):
                for each in repeated:
                    yield Weight(each.path.replace(INDEX, str(index)), each.shape, each.tied_to)


def steps(network: Network, sizes: Sizes) -> list[Step]:
    """List every step of every block in order of execution; a group stands where its output appears."""
    return list(_group_steps(network, "", "", None, sizes))


def _group_steps(group: Group, path: str, source: str, block: int | None, sizes: Sizes) -> Iterator[Step]:
    """Yield the steps of a group at ``path`` whose input is the output of the step ``source``."""
    outputs = {"x": source}
    for name, node in group.children():
        here = f"{path}.{name}" if path else name
        reads = tuple(outputs.get(read, read) for read in node.reads)
        if isinstance(node, Repeat):
            outputs[name] = reads[0]
            for index in range(size(node.times, sizes)):
                yield from _group_steps(node.body, f"{here}.{index}", outputs[name], index, sizes)
                outputs[name] = f"{here}.{index}.{_last(node.body)[0]}"
            continue
        if isinstance(node, Group):
            yield from _group_steps(node, here, reads[0], block, sizes)
        yield Step(here, node.label, node.kind, reads, output_shape(node), block, isinstance(node, Group))
        outputs[name] = here


def output_shape(node: Operation | Group) -> Shape:
    """Return the shape of what a node gives: a group's is that of its last operation."""
    if isinstance(node, Operation):
        return node.shape
    last = _last(node)[1]
    return output_shape(last.body if isinstance(last, Repeat) else last)


def _last(group: Group) -> tuple[str, Node]:
    return list(group.children())[-1]
