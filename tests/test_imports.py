"""Imports run in no circle, and no screen borrows from another command's screen."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import gptcli

PACKAGE = Path(gptcli.__file__).parent


def module_name(path: Path, package: Path = PACKAGE) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, modules: set[str]) -> Iterator[str]:
    """Yield the modules that a source imports anywhere: inside functions and for type checkers too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if inside in modules else node.module


def circle(package: Path) -> list[str]:
    """Return a circle of imports, or nothing."""
    sources = {module_name(path, package): path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    graph = {name: set(imported(source, set(sources))) - {name} for name, source in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_one_that_imports_it() -> None:
    assert circle(PACKAGE) == []


def test_a_circle_is_found_wherever_the_import_stands(tmp_path: Path) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("from pack import two")
    hidden = {
        "at the top": "import pack.one",
        "for type checkers": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pack.one import x",
        "in a function": "def f():\n    from pack.one import x",
    }
    for source in hidden.values():
        (package / "two.py").write_text(source)
        assert set(circle(package)) == {"pack.one", "pack.two"}
    (package / "two.py").write_text("import ast")
    assert circle(package) == []


def test_what_two_screens_need_stands_in_neither() -> None:
    commands = {path.stem for path in (PACKAGE / "commands").glob("[a-z]*.py")}
    screens = {f"gptcli.render.{name}" for name in commands if (PACKAGE / "render" / f"{name}.py").exists()}
    assert len(screens) > 10
    borrowed = {
        (module_name(path), name)
        for path in (PACKAGE / "render").rglob("*.py")
        for name in imported(path.read_text(encoding="utf-8"), screens)
    }
    assert borrowed == set()
