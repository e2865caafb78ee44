"""Their file as a module: imported by its name where it belongs to a package, so that relative imports work."""

import __future__

import ast
import importlib
import importlib.util
import sys
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from msgspec import Struct

from gptcli.model.check.building.errors import reported
from gptcli.model.check.building.needed import Needed, needed_for
from gptcli.model.check.building.project import Project
from gptcli.model.check.target import Target

_TAKEN = "_gptcli_checked_file"  # its name where its own is another module's


class Loaded(Struct, frozen=True):
    """A file that was run.

    Attributes:
        module: what it made.
        left_out: the line from which on statements were left out that do not make what is named; None where all ran.
    """

    module: ModuleType
    left_out: int | None = None


def load(target: Target) -> Loaded:
    """Run a file as a module: what is named and what that needs, but no training below it.

    Raises:
        InputError: it raises.
    """
    with reported(target, "while it was loaded"):
        name = _importable(target, Project(target))
        known = sys.modules.get(name)
        if known is not None and _is_at(known, target.path):  # its package has imported it
            return Loaded(known)
        spec = importlib.util.spec_from_file_location(name, target.path)
        assert spec is not None
        assert isinstance(spec.loader, SourceFileLoader)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickles look their module up by its name
        source = spec.loader.get_data(str(target.path))
        compile(source, str(target.path), "exec", dont_inherit=True)  # raises what the parser alone does not see
        needed = needed_for(target.name, ast.parse(source, str(target.path)).body)
        _run(needed, module, str(target.path))
        return Loaded(module, needed.left_out)
    raise AssertionError  # what is raised inside is raised again


def _run(needed: Needed, module: ModuleType, file: str) -> None:
    """Run the statements of a file in its module; what fails below the class is as good as left out."""
    flags = _future_flags(needed.above)
    exec(_compiled(needed.above, file, flags), module.__dict__)  # noqa: S102  # to load is to run
    for statement in needed.below:
        with suppress(Exception, SystemExit):
            exec(_compiled([statement], file, flags), module.__dict__)  # noqa: S102


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
