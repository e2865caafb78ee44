"""Their file as a module: imported by its name where it belongs to a package, so that relative imports work."""

import __future__

import ast
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from msgspec import Struct

from gptcli.model.check.building.errors import reported, said
from gptcli.model.check.building.needed import Needed, imported_names, needed_for
from gptcli.model.check.building.project import Project
from gptcli.model.check.target import Target

_BELOW = "calls or loops below what is needed; from here on only definitions were run"
_TAKEN = "_gptcli_checked_file"  # its name where its own is another module's


LeftOut = tuple[str, int, str]  # file, line, and why


class Loaded(Struct, frozen=True):
    """A file that was run.

    Attributes:
        module: what it made.
        left_out: statements that were left out, as they do not make what is named.
    """

    module: ModuleType
    left_out: list[LeftOut]


def load(target: Target) -> Loaded:
    """Run a file as a module: what is named and what that needs, but no training below it, nor in what it imports.

    Raises:
        InputError: it raises.
    """
    left_out: list[LeftOut] = []
    project = Project(target)
    with reported(target, "while it was loaded"):
        name = _importable(target, project)
        known = sys.modules.get(name)
        if known is not None and _is_at(known, target.path):  # its package has imported it
            return Loaded(known, left_out)
        loader = _Trimmed(name, str(target.path), {target.name}, left_out)
        tree = ast.parse(loader.get_data(loader.path), loader.path)
        imported = imported_names(tree, name.rpartition(".")[0])
        sys.meta_path.insert(0, _Finder(project, imported, left_out))
        spec = importlib.util.spec_from_file_location(name, target.path, loader=loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickles look their module up by its name
        loader.exec_module(module)
        return Loaded(module, left_out)
    raise AssertionError  # what is raised inside is raised again


class _Trimmed(SourceFileLoader):
    """Runs what some names of a file need."""

    def __init__(self, name: str, path: str, wanted: set[str], left_out: list[LeftOut]) -> None:
        super().__init__(name, path)
        self._wanted, self._left_out = wanted, left_out

    def exec_module(self, module: ModuleType) -> None:
        """Run it in a module, and note what is left out."""
        source = self.get_data(self.path)
        compile(source, self.path, "exec", dont_inherit=True)  # raises what the parser alone does not see
        needed = needed_for(self._wanted, ast.parse(source, self.path).body)
        for line, error in _run(needed, module, self.path):
            self._left_out.append((self.path, line, f"{said(error)}; passed over, as what is needed does not read it"))
        if needed.left_out is not None:
            self._left_out.append((self.path, needed.left_out, _BELOW))


class _Finder(MetaPathFinder):
    """Finds files of theirs that the target imports names of, which are then run as it is."""

    def __init__(self, project: Project, imported: dict[str, set[str]], left_out: list[LeftOut]) -> None:
        self._project, self._imported, self._left_out = project, imported, left_out

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module lies, or None for everybody else's."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname in self._imported else None
        if spec is None or not isinstance(spec.loader, SourceFileLoader) or not self._project.has(spec.origin or ""):
            return None
        spec.loader = _Trimmed(fullname, spec.loader.path, self._imported[fullname], self._left_out)
        return spec


def _run(needed: Needed, module: ModuleType, file: str) -> list[tuple[int, BaseException]]:
    """Run the statements of a file in its module.

    Returns:
        Those above the class that failed and that it can be made without, by their lines. What fails below it is as
        good as left out.
    """
    flags = _future_flags(needed.above)
    failed: list[tuple[int, BaseException]] = []
    for statement in needed.above:
        try:
            exec(_compiled([statement], file, flags), module.__dict__)  # noqa: S102  # to load is to run
        except Exception as error:
            if statement not in needed.spare:
                raise
            failed.append((statement.lineno, error))
    for statement in needed.below:
        with suppress(Exception, SystemExit):
            exec(_compiled([statement], file, flags), module.__dict__)  # noqa: S102
    return failed


def _compiled(statements: list[ast.stmt], file: str, flags: int) -> CodeType:
    code: CodeType = compile(ast.Module(statements, []), file, "exec", flags=flags, dont_inherit=True)
    return code


def _future_flags(statements: list[ast.stmt]) -> int:
    """Return what ``from __future__ import`` asks of all code of a file."""
    found = [each for each in statements if isinstance(each, ast.ImportFrom) and each.module == "__future__"]
    names = [alias.name for each in found for alias in each.names]
    flags = 0
    for name in names:
        flags |= getattr(__future__, name).compiler_flag
    return flags


def _importable(target: Target, project: Project) -> str:
    """Import the packages around the file and return its name in them, or a name that no other module has."""
    package, _, stem = project.module.rpartition(".")
    if package:
        try:
            found = importlib.import_module(package)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{package}.".startswith(f"{error.name}."):
                raise
            return _TAKEN
        folders = [Path(folder).resolve() for folder in getattr(found, "__path__", [])]
        inside = target.path.parent if target.path.stem != "__init__" else target.path.parent.parent
        return project.module if inside in folders else _TAKEN
    taken = stem in sys.modules or stem in sys.stdlib_module_names or not stem.isidentifier()
    return _TAKEN if taken else stem


def _is_at(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path
