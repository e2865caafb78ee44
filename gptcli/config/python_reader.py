"""A config that is still a line of Python: ``GPT_CONFIG_124M = {...}``. It is read as data, never run."""

import re
from typing import TYPE_CHECKING

from gptcli.config.printable import shortened
from gptcli.errors import InputError

if TYPE_CHECKING:
    import ast

# What every such file has; asked first, since a parser is not loaded for other files.
_ASSIGNED = re.compile(rb"^[^\s={}:#\"'\[\]]+[ \t]*(?::[^=\n{}]+)?=[ \t]*\\?\s*\{", re.MULTILINE)
_MOST_NAMES = 8


def without_assignment(data: bytes, place: str) -> bytes:
    """Return the dictionary that a Python file assigns, on the lines where it stands; other files as they are.

    What stands around it is blank then, so that an error names the line of the file.

    Args:
        data: of the file.
        place: where it is from, for messages.

    Raises:
        InputError: it assigns several.
    """
    if not _ASSIGNED.search(data):
        return data
    try:
        found = dict(_dictionaries(data))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # no Python: let the YAML reader say what is wrong
        return data
    if len(found) > 1:
        names = ", ".join(f"{shortened(name)} (line {node.lineno})" for name, node in list(found.items())[:_MOST_NAMES])
        raise InputError(f"{place}: assigns {len(found)} dictionaries: {names}; keep the one that is the config")
    return _alone(data, next(iter(found.values()))) if found else data


def _dictionaries(data: bytes) -> "list[tuple[str, ast.Dict]]":
    """Return the dictionaries that are assigned to one name each."""
    import ast  # here, as most configs are no Python

    found = []
    for node in ast.parse(data).body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name) and isinstance(value, ast.Dict):
            found.append((target.id, value))
    return found


def _alone(data: bytes, node: "ast.Dict") -> bytes:
    """Blank everything but one node, whose columns count bytes."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    lines = data.splitlines(keepends=True)
    kept = [b"\n"] * (node.lineno - 1) + lines[node.lineno - 1 : node.end_lineno]
    kept[-1] = kept[-1][: node.end_col_offset]  # first: the node may begin on the same line
    kept[node.lineno - 1] = b" " * node.col_offset + kept[node.lineno - 1][node.col_offset :]
    return b"".join(kept)
