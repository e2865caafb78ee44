"""Their file as a module: imported by its name where it belongs to a package, so that relative imports work."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from gptcli.model.check.building.errors import reported
from gptcli.model.check.building.project import Project
from gptcli.model.check.target import Target

_TAKEN = "_gptcli_checked_file"  # its name where its own is another module's


def load(target: Target) -> ModuleType:
    """Run a file as a module.

    Raises:
        InputError: it raises.
    """
    with reported(target, "while it was loaded"):
        name = _importable(target, Project(target))
        known = sys.modules.get(name)
        if known is not None and _is_at(known, target.path):  # its package has imported it
            return known
        spec = importlib.util.spec_from_file_location(name, target.path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickles look their module up by its name
        spec.loader.exec_module(module)
        return module
    raise AssertionError  # what is raised inside is raised again


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
