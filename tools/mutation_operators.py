"""What a mutation may change, beside cosmic-ray's own operators: the errors that books of memory are prone to.

cosmic-ray changes numbers, comparisons, arithmetic, conditions and decorators. The rules of `gptcli.architecture` and
`gptcli.analysis` are mostly declarations - shapes, element sizes, lists of what is made and kept - in which it finds
nothing to change. Each operator here makes one kind of wrong declaration.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from cosmic_ray.operators.operator import Example, Operator
from parso.python.tree import Name

Position = tuple[tuple[int, int], tuple[int, int]]

_DIMENSIONS = ("B", "T", "C", "H", "G", "D", "F", "V", "L", "S", "K", "ONE")
_ITEMS = ("FP32", "BOOL", "INDEX")
_FIELDS = {"item": "stream_item", "stream_item": "item"}


class _Replace(Operator):  # type: ignore[misc]
    """Replaces a name by others."""

    def others(self, node: Any) -> Sequence[str]:
        """Return what may stand in place of a node."""
        raise NotImplementedError

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        """Yield the node's place once for each name that may stand there."""
        for _ in self.others(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return a name in its place."""
        return Name(self.others(node)[index], node.start_pos, node.prefix)


class ReplaceDimension(_Replace):
    """Another dimension in a shape: ``(B, T, C)`` -> ``(B, C, C)``."""

    def others(self, node: Any) -> Sequence[str]:
        """Return the dimensions before and after it, of those that the module knows."""
        return _neighbours(node, _DIMENSIONS)

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """Return an example."""
        return (Example("from s import B, T\nx = (B,)", "from s import B, T\nx = (T,)"),)


class ReplaceItemSize(_Replace):
    """Another size of an element: ``FP32`` -> ``BOOL``, ``given.item`` -> ``given.stream_item``."""

    def others(self, node: Any) -> Sequence[str]:
        """Return the other sizes that the module knows."""
        if node.type == "name" and node.value in _FIELDS and _is_attribute(node):
            return (_FIELDS[node.value],)
        return _neighbours(node, _ITEMS)

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """Return an example."""
        return (Example("x = given.item", "x = given.stream_item"),)


class RemoveArgument(Operator):  # type: ignore[misc]
    """Leaves out a keyword argument: ``Kernel(outs=a, saves=b)`` -> ``Kernel(outs=a)``."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        """Yield the place of each keyword argument of a call that has more than one argument."""
        for argument in self._keywords(node):
            yield argument.start_pos, argument.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return the arguments without that one."""
        return _without(node, self._keywords(node)[index])

    @staticmethod
    def _keywords(node: Any) -> list[Any]:
        if node.type != "arglist":
            return []
        return [child for child in node.children if child.type == "argument" and child.children[1] == "="]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """Return an example."""
        return (Example("f(a, b=1)", "f(a)"),)


class RemoveElement(Operator):  # type: ignore[misc]
    """Leaves out an element of a tuple or list: ``made=(value, mask)`` -> ``made=(value,)``."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        """Yield the place of each element."""
        for element in self._elements(node):
            yield element.start_pos, element.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return the elements without that one; a tuple of one keeps its comma."""
        return _without(node, self._elements(node)[index], keep_a_comma=True)

    @staticmethod
    def _elements(node: Any) -> list[Any]:
        if node.type != "testlist_comp" or any(child.type in ("sync_comp_for", "comp_for") for child in node.children):
            return []
        return [child for child in node.children if child != "," and child.type != "string"]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """Return an example."""
        return (Example("x = (a, b)", "x = (b,)"),)


OWN = (ReplaceDimension, ReplaceItemSize, RemoveArgument, RemoveElement)


def _neighbours(node: Any, names: Sequence[str]) -> Sequence[str]:
    if node.type != "name" or node.value not in names or _is_attribute(node) or node.is_definition():
        return ()
    known = [name for name in names if name in node.get_root_node().get_used_names()]
    place = known.index(node.value)
    return [*dict.fromkeys(known[(place + step) % len(known)] for step in (1, -1) if len(known) > 1)]


def _is_attribute(name: Any) -> bool:
    return bool(name.parent.type == "trailer" and name.parent.children[0] == ".")


def _without(node: Any, gone: Any, *, keep_a_comma: bool = False) -> Any:
    left = [child for child in node.children if child != "," and child is not gone]
    comma = next(child for child in node.children if child == ",")
    if left:
        left[0].get_first_leaf().prefix = node.children[0].get_first_leaf().prefix
    node.children = [each for child in left for each in (child, comma)]
    if node.children and not (keep_a_comma and len(left) == 1):
        node.children.pop()
    return node
