"""Where somebody's code lies: which files are theirs, what they call them, from where they import. Needs no torch."""

import ast
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from gptcli.files import open_input
from gptcli.model.check.target import Target

_OURS = Path(__file__).resolve().parents[3]  # the package gptcli
_INSTALLED = ("site-packages", "dist-packages")
_LIBRARIES = tuple(
    os.path.realpath(folder)
    for name, folder in sysconfig.get_paths().items()
    if name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
)
_PROJECT_MARKS = (".git", "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
_MOST_PARENTS = 7  # how far above a file its project is looked for


class Project:
    """The code around a file of theirs.

    Attributes:
        root: the folder above its outermost package, or its own folder.
        module: its name as an import spells it, from there.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._imports = _imports(target.path)
        depth = max((node.level for node in self._imports if isinstance(node, ast.ImportFrom)), default=0)
        self.root, self.module = _package(target.path, depth)
        self._is_installed = _is_library(target.path)

    def has(self, filename: str) -> bool:
        """Return whether a file is theirs: no library's, and not one of ours."""
        if not filename or filename.startswith("<"):
            return False
        path = Path(os.path.realpath(filename))
        if path == self._target.path:
            return True
        if self._is_installed:  # then its own package alone is theirs
            return path.is_relative_to(self.root / self.module.partition(".")[0])
        return not _is_library(path)

    def name(self, filename: str) -> str:
        """Return a file of theirs as they would call it: by way of the file that they named."""
        if Path(filename) == self._target.path:
            return self._target.file
        folder = os.path.relpath(filename, self._target.path.parent)
        return os.path.normpath(Path(self._target.file).parent / folder)

    def paths(self) -> tuple[list[str], list[str]]:
        """Return the folders that its imports are looked for in: before the libraries, and after them.

        A file of a package is imported as ``python -m`` does, any other as ``python FILE`` does. What neither finds may
        stand in a folder above, as where it is started from the project's root.
        """
        own, root = str(self._target.path.parent), str(self.root)
        found = [str(folder) for folder in self._around() if self._lies_in(folder)]
        others = dict.fromkeys([own, str(Path.cwd()), *found])
        return [root], [folder for folder in others if folder != root]

    def _around(self) -> Iterator[Path]:
        """Yield the folders above the file, up to one that is marked as a project's."""
        for folder in list(self._target.path.parents)[:_MOST_PARENTS]:
            yield folder
            if any((folder / mark).exists() for mark in _PROJECT_MARKS):
                return

    def _lies_in(self, folder: Path) -> bool:
        """Return whether something that the file imports lies in a folder."""
        return any((folder / name).is_dir() or (folder / f"{name}.py").is_file() for name in self._imported())

    def _imported(self) -> set[str]:
        found: set[str] = set()
        for node in self._imports:
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif not node.level:
                found.add((node.module or "").partition(".")[0])
        return found - set(sys.stdlib_module_names)


def _imports(path: Path) -> list[ast.Import | ast.ImportFrom]:
    try:
        with open_input(path) as file:
            tree = ast.parse(file.read())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return []  # told where it is loaded
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def _package(path: Path, depth: int) -> tuple[Path, str]:
    """Return the folder above the outermost package of a file, and the file's name from there.

    A folder is a package where it has an ``__init__.py``, or where relative imports of the file reach up to it.

    Args:
        path: of the file.
        depth: by how many folders its relative imports go up, its own counted.
    """
    folder, names = path.parent, [] if path.stem == "__init__" else [path.stem]
    while folder != folder.parent and ((folder / "__init__.py").is_file() or depth > 0):
        names.insert(0, folder.name)
        folder, depth = folder.parent, depth - 1
    return folder, ".".join(names)


def _is_library(path: Path) -> bool:
    if any(part in _INSTALLED for part in path.parts) or path.is_relative_to(_OURS):
        return True
    return any(path.is_relative_to(folder) for folder in _LIBRARIES)
