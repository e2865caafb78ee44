"""The described network as the sequence of kernels that runs, each value with the moment it is let go."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from gptcli.architecture.kernels import Conditions, Kernel, Value, kernels
from gptcli.architecture.network import Group, Network, Node, Repeat
from gptcli.architecture.operations import Operation

SOURCE = "x"


class Section(Struct, frozen=True):
    """Kernels that run one after the other, from one value to another.

    Attributes:
        kernels: in order of execution.
        released: for each kernel the values that nobody needs once it is done; the section's result is in none.
        result: the value that the next section takes.
    """

    kernels: list[Kernel]
    released: list[list[str]]
    result: str


class Program(Struct, frozen=True):
    """The forward pass: what stands before the blocks, one block, what stands after them."""

    before: Section
    block: Section
    after: Section


def program_of(network: Network, given: Conditions) -> Program:
    """Lay the network out as kernels."""
    before: list[tuple[str, Node]] = []
    after: list[tuple[str, Node]] = []
    block: Group | None = None
    for name, node in network.children():
        if isinstance(node, Repeat):
            block = node.body
        else:
            (before if block is None else after).append((name, node))
    assert block is not None
    return Program(
        before=_section(before, given, {}),
        block=_section(block.children(), given, {"x": SOURCE}),
        after=_section(after, given, {"h": SOURCE}),
    )


def section_of(listed: Sequence[Kernel], result: str) -> Section:
    """Find for each value of some kernels the last that needs it."""
    return Section(list(listed), _released(listed, {}, result), result)


class _Builder:
    """Collects kernels; ``held`` says until which kernel the caller of a group keeps the group's input."""

    def __init__(self, given: Conditions) -> None:
        self.given = given
        self.kernels: list[Kernel] = []
        self.held: dict[str, int] = {}
        self._items = {SOURCE: given.stream_item}

    def add(self, name: str, node: Operation | Group, reads: list[str]) -> str:
        """Append the kernels of a node and return the name of its value."""
        if isinstance(node, Operation):
            added = kernels(node, name, [Value(read, self._items.get(read, 0)) for read in reads], self.given)
            for kernel in added:
                item = self._items[kernel.view_of] if kernel.view_of else kernel.made[0].item
                self._items.update(dict.fromkeys(kernel.outs, item))
            self.kernels += added
            return name
        outputs = dict(zip(("x",), reads, strict=True))
        for child_name, child in node.children():
            assert not isinstance(child, Repeat)
            inputs = [outputs[read] for read in child.reads]
            outputs[child_name] = self.add(f"{name}.{child_name}", child, inputs)
            last = outputs[child_name]
        self.held[reads[0]] = len(self.kernels) - 1
        return last


def _section(children: Iterable[tuple[str, Node]], given: Conditions, outputs: dict[str, str]) -> Section:
    builder = _Builder(given)
    takes_source = SOURCE in outputs.values()
    for name, node in children:
        assert not isinstance(node, Repeat)
        outputs[name] = builder.add(name, node, [outputs.get(read, read) for read in node.reads])
        result = outputs[name]
    if takes_source and "x" in outputs:  # whoever calls a block keeps its input until the block returns
        builder.held[SOURCE] = len(builder.kernels) - 1
    return Section(builder.kernels, _released(builder.kernels, builder.held, result), result)


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
