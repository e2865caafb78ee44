"""The built wheel, in an environment of its own with nothing but its runtime dependencies; no network is needed."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def run_in(folder: Path, *command: str | Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GPTCLI_", "VIRTUAL_ENV"))}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def runtime_dependencies() -> set[str]:
    """Return the distributions that the project declares, and all that those declare in turn."""
    found: set[str] = set()
    wanted = [
        Requirement(each) for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    ]
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            found.add(name)
            wanted += map(Requirement, distribution(name).requires or ())
    return found


def lend_runtime_dependencies(environment: Path) -> None:
    """Link into an environment what the project declares to need, from the one that runs the tests."""
    (there,) = environment.glob("lib/python*/site-packages")
    for name in runtime_dependencies():
        for entry in {file.parts[0] for file in distribution(name).files or () if file.parts[0] not in ("..", "bin")}:
            source = Path(str(distribution(name).locate_file(entry)))
            if not (there / entry).exists() and source.exists():
                (there / entry).symlink_to(source)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run_in(ROOT, sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_carries_presets_vocabulary_and_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"gptcli/config/presets/{path.name}" for path in (ROOT / "configs").glob("*.yaml")} <= names
    assert {"gptcli/tokenizer/data/r50k_base.tiktoken", "gptcli/py.typed"} <= names
    assert {"gptcli/render/page/page.css", "gptcli/render/page/page.js"} <= names
    assert any(name.endswith("LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "tools"))]


@pytest.mark.slow
def test_the_wheel_runs_from_elsewhere(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    run_in(tmp_path, sys.executable, "-m", "venv", environment)
    python = environment / "bin" / "python"
    lend_runtime_dependencies(environment)
    run_in(tmp_path, python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    gptcli = environment / "bin" / "gptcli"
    options = ["-c", "tiny", "--save", "out.safetensors", "--json"]
    document = json.loads(run_in(elsewhere, gptcli, "forward", "Every effort moves you", *options))
    assert document["logits"]["shape"] == [1, 4, 50257]
    assert (elsewhere / "out.safetensors").stat().st_size > 4 * 4 * 50257
    assert "163,009,536" in run_in(elsewhere, gptcli, "params")
    assert "621.83 MiB" in run_in(elsewhere, python, "-m", "gptcli", "memory")
    assert "<!DOCTYPE html>" in run_in(elsewhere, gptcli, "flow", "--format", "html")
    assert run_in(elsewhere, gptcli, "tokenize", "--ids", "Every effort moves you") == "6109 3626 6100 345\n"
    installed = json.loads(run_in(elsewhere, python, "-m", "pip", "list", "--format", "json"))
    assert not {"pytest", "transformers", "hypothesis"} & {package["name"] for package in installed}
