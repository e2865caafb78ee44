"""Which statements of a file make a class, and which only use it: scripts train below their network.

What stands above the class is run, as Python would. Below it run definitions, plain assignments, and what binds a name
that the class reads; a loop or a call that the class does not need is left out, and so is what follows from it.
"""

import ast
import dis
from collections.abc import Iterable
from types import CodeType

from msgspec import Struct

_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Raise, ast.Assert, ast.Delete)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
_IMPORTS = (ast.Import, ast.ImportFrom)


class Needed(Struct, frozen=True):
    """A file in two.

    Attributes:
        above: the statements up to the class, which run as they are.
        spare: those of them without which it can be made; one that fails is passed over.
        below: those below it that run too; one that fails there is passed over.
        left_out: the line of the first statement that does not run, or None.
    """

    above: list[ast.stmt]
    spare: list[ast.stmt]
    below: list[ast.stmt]
    left_out: int | None


def needed_for(wanted: set[str], body: list[ast.stmt]) -> Needed:
    """Tell what names of a file need; everything, where no statement is seen to bind one of them."""
    homes = [_home(name, body) for name in wanted]
    home = max((each for each in homes if each is not None), default=None)
    if home is None or None in homes:
        return Needed(body, [], [], None)
    names = _closure(wanted, body)
    left: set[str] = set()  # what is bound by statements that do not run
    below: list[ast.stmt] = []
    left_out: int | None = None
    for statement in body[home + 1 :]:
        if _is_main_guard(statement):
            continue
        read = _read(statement)
        if _binds_any(statement, names) and not (wanted & read or left & read):
            below.append(statement)
        elif isinstance(statement, _IMPORTS):
            left |= _bound(statement)
        elif isinstance(statement, _DEFINITIONS) or (_is_plain(statement) and not left & read):
            below.append(statement)
        else:
            left |= _bound(statement)
            left_out = left_out or statement.lineno
    above = body[: home + 1]
    spare = [each for each in above if not isinstance(each, ast.Raise) and not _binds_any(each, names)]
    return Needed(above, spare, below, left_out)


def imported_names(tree: ast.Module, package: str) -> dict[str, set[str]]:
    """Return what a file imports by name from other modules, by module: ``from gpt import GPT``.

    Args:
        tree: of the file.
        package: that it belongs to, for relative imports.
    """
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = {each.name for each in node.names}
            folder = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (folder, node.module) if part)
            if "*" not in names:
                found.setdefault(module, set()).update(names)
    return found


def _home(name: str, body: list[ast.stmt]) -> int | None:
    """Return where a name is made: the last definition of it, else the first statement that binds it."""
    definitions = [place for place, each in enumerate(body) if isinstance(each, _DEFINITIONS) and each.name == name]
    if definitions:
        return definitions[-1]
    return next((place for place, each in enumerate(body) if name in _bound(each)), None)


def _closure(wanted: set[str], body: list[ast.stmt]) -> set[str]:
    """Return the names that these need, through whatever binds them."""
    found = set(wanted)
    while True:
        more = {read for each in body if _bound(each) & found for read in _read(each)} - found
        if not more:
            return found
        found |= more


def _read(statement: ast.stmt) -> set[str]:
    """Return the names of the file that a statement reads, in the functions and classes that it defines too."""
    codes: list[CodeType] = [compile(ast.Module([statement], []), "", "exec", dont_inherit=True)]
    found: set[str] = set()
    while codes:
        code = codes.pop()
        codes += [each for each in code.co_consts if isinstance(each, CodeType)]
        found |= {each.argval for each in dis.get_instructions(code) if each.opname in _LOADS}
    return found


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds in its file, inside ``if`` and ``try`` too."""
    found: set[str] = set()
    for node in _own(statement):
        if isinstance(node, _DEFINITIONS):
            found.add(node.name)
        elif isinstance(node, _IMPORTS):
            found |= {(each.asname or each.name).partition(".")[0] for each in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def _binds_any(statement: ast.stmt, names: set[str]) -> bool:
    """Return whether a statement binds one of the names, or calls a method of one: ``CONFIG.update(...)``."""
    if _bound(statement) & names:
        return True
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
        return False
    return isinstance(call.func.value, ast.Name) and call.func.value.id in names


def _is_plain(statement: ast.stmt) -> bool:
    """Return whether a statement neither loops nor calls."""
    return not any(isinstance(node, (*_LOOPS, ast.Call, ast.Await, *_IMPORTS)) for node in _own(statement))


def _own(statement: ast.stmt) -> Iterable[ast.AST]:
    """Yield the nodes of a statement that run with it: not the bodies of functions and classes in it."""
    open_: list[ast.AST] = [statement]
    while open_:
        node = open_.pop()
        yield node
        if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
            open_ += ast.iter_child_nodes(node)


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and any(
        isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test)
    )
