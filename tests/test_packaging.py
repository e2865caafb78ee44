"""The built wheel, in an environment of its own with nothing but its runtime dependencies."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run_in(folder: Path, *command: str | Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GPTCLI_", "VIRTUAL_ENV"))}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


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
    run_in(tmp_path, python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel)
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
