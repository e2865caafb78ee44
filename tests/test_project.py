"""What surrounds the package agrees with itself: Makefile, CI, hooks and the Pythons that pyproject.toml names."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
INTERNAL = {"chosen-python"}


def make(*arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make as from a shell in which nothing is chosen."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**inherited, **environment}, capture_output=True, text=True, check=False
    )


def program(path: Path, script: str) -> Path:
    """Write a program for a shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def phony_targets() -> set[str]:
    found = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert found
    return set(found[1].split())


def test_make_help_has_a_line_for_every_target() -> None:
    outcome = make("help")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    listed = re.findall(r"^make (\w+) {2,}\S", outcome.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(phony_targets() - INTERNAL)
    assert max(map(len, outcome.stdout.splitlines())) <= 120


def test_make_alone_is_make_help() -> None:
    assert make().stdout == make("help").stdout


def test_an_environment_of_another_python_is_refused(tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    program(environment / "bin" / "python", "echo '3.99.0 (made earlier)'")
    outcome = make(f"PYTHON={sys.executable}", f"VENV={environment}", "demo")
    assert outcome.returncode == 2
    error = outcome.stderr.splitlines()[0]
    assert error.startswith(f"error: {environment} was made with another Python than {sys.executable}")
    assert error.endswith(f"make PYTHON={sys.executable} VENV=.venv-{Path(sys.executable).name} demo")
    assert not (environment / ".installed").exists()


@pytest.mark.parametrize("chosen", [[], [f"PYTHON={sys.executable}"]], ids=["default", "the same"])
def test_an_environment_of_the_same_python_is_used(tmp_path: Path, chosen: list[str]) -> None:
    environment = tmp_path / "environment"
    program(environment / "bin" / "python", f'test "$1" = -m || exec {sys.executable} "$@"')
    program(environment / "bin" / "gptcli", 'echo "ran $1"')
    outcome = make(*chosen, f"VENV={environment}", "demo")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.endswith("\nran forward\n")


def test_a_python_without_venv_leaves_no_environment(tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    made = environment / "bin" / "python"
    python = program(
        tmp_path / "python", f'test "$1" = -c && exit 0; mkdir -p {made.parent}; touch {made}; echo no pip >&2; exit 1'
    )
    outcome = make(f"PYTHON={python}", f"VENV={environment}", "demo")
    assert outcome.returncode == 2
    assert "no pip" in outcome.stderr
    assert not made.exists(), "the next make would take it for an environment"


@pytest.mark.parametrize("root", [True, False], ids=["root", "another user"])
@pytest.mark.parametrize("browser", [True, False], ids=["chromium", "no chromium"])
def test_ci_installs_the_browser_where_it_is_missing(tmp_path: Path, *, root: bool, browser: bool) -> None:
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    program(tmp_path / "id", f"echo {0 if root else 1000}")
    program(tmp_path / "sudo", 'echo "as root:"; exec "$@"')
    program(tmp_path / "apt-get", 'echo "apt-get $*"')
    program(tmp_path / "make", 'echo "make $*"')
    if browser:
        program(tmp_path / "chromium", "")
    command, environment = [tmp_path / "bash", ROOT / ".ci" / "run"], {"PATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    became = [] if root else ["as root:"]
    installed = [*became, "apt-get update", *became, "apt-get install -y --no-install-recommends chromium"]
    assert done.stdout.splitlines() == [*([] if browser else installed), "make lint test"]


def test_ci_runs_on_the_pythons_that_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [found[1] for each in project["classifiers"] if (found := re.search(r":: Python :: (3\.\d+)$", each))]
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == named
    assert project["requires-python"] == f">={named[0]}"
    assert job["env"]["PYTHON"] == "python${{ matrix.python }}"
    assert job["steps"][-1]["run"] == ".ci/run"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_hooks_run_the_projects_own_tools() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [each["repo"] for each in hooks["repos"]] == ["local"]
    for hook in hooks["repos"][0]["hooks"]:
        words = hook["entry"].split()
        assert words[0].startswith(".venv/bin/") or (words[0] == "make" and words[1] in phony_targets()), hook["entry"]
