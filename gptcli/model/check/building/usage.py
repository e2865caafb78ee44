"""How their code reads its settings: as keys of a dictionary or as attributes, and by which names."""

import ast
import inspect
from types import ModuleType

from msgspec import Struct

_OF_DICTIONARIES = frozenset({"get", "items", "keys", "values", "copy", "update", "setdefault", "pop"})


class Usage(Struct, frozen=True):
    """The names that are read off one parameter.

    Attributes:
        keys: by subscript or ``get``.
        attributes: as attributes.
    """

    keys: frozenset[str]
    attributes: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        return self.keys | self.attributes


def usage_of(parameter: str, module: ModuleType) -> Usage:
    """Read off a module's source what it reads off its parameters of a name, and off what is kept under that name."""
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError, ValueError, RecursionError):
        return Usage(frozenset(), frozenset())
    keys: set[str] = set()
    attributes: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _is(node.value, parameter):
            keys |= _text(node.slice)
        elif isinstance(node, ast.Attribute) and _is(node.value, parameter) and node.attr not in _OF_DICTIONARIES:
            attributes.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is(node.func.value, parameter):
            keys |= _text(node.args[0]) if node.func.attr == "get" and node.args else set()
    return Usage(frozenset(keys), frozenset(attributes))


def _is(node: ast.expr, parameter: str) -> bool:
    """Return whether an expression is ``parameter`` or ``self.parameter``."""
    if isinstance(node, ast.Name):
        return node.id == parameter
    return isinstance(node, ast.Attribute) and node.attr == parameter


def _text(node: ast.expr) -> set[str]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()
