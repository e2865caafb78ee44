"""Every example of README and docs is run, or stands here by name with the reason why not; outputs are compared."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from gptcli.cli import app
from tests.conftest import Cli, Outcome
from tests.docs.reading import PAGES, README, Example, examples, fragments, inline, languages, paragraphs, text_blocks
from tests.docs.workshop import copy_of, furnish, hub_cache

TEXT = '"Every effort moves you"'
# Too much for a test: read as a command line, and that is all.
ONLY_PARSED = {
    "gptcli verify": "measures a real training step of 124M: 5 GiB and minutes",
    "gptcli verify -c gpt2-medium --seq-len 256": "measures a real training step of 355M: 8 GiB and minutes",
    "gptcli check my_gpt.py:GPTModel": "124M twice in double precision: 2.5 GiB; with -c tiny it is run",
}
# Not ours to run here; what they do is tested elsewhere.
OTHERS = {
    "make demo": "installs; the target is looked up",
    "make test": "runs this very suite; the target is looked up",
    "make fix": "writes into the working tree; the target is looked up",
    "make check": "runs this very suite; the target is looked up",
    "python3 -m venv .venv": "tests/test_packaging.py",
    ".venv/bin/pip install -c constraints.txt .": "tests/test_packaging.py",
    ".venv/bin/pip install -c constraints.txt '.[hub]'": "needs the network; the extra is looked up",
    '.venv/bin/gptcli forward "Every effort moves you"': "run as gptcli forward",
    ".venv/bin/gptcli params --tied": "run as gptcli params",
}
# What the README shows to be wrong, or over a budget, ends so.
CODES = {"gptcli check ": 1, "gptcli params --budget 130M": 1}
# Blocks of text that nothing prints.
DRAWN_BY_HAND = {"configs/           one YAML per model": "the tree of folders"}
# These commands do nothing without a text, a file or a budget: their name alone is a name.
NAMES = ("forward", "trace", "generate", "tokenize", "check", "fit", "checkpoint", "verify", "compare", "config")
# Options that do not fit their paragraph's command as they stand; None: a placeholder.
COMPLETED = {
    "--seed 123": f"gptcli forward {TEXT} -c tiny --seed 123",
    "--dropout": f"gptcli forward {TEXT} -c tiny --dropout",
    "--save out.safetensors": f"gptcli forward {TEXT} -c tiny --save out.safetensors",
    "--init gpt2": f"gptcli forward {TEXT} -c tiny --tied --init gpt2",
    "--decode": 'gptcli tokenize --decode "6109 3626"',
    "--stats": "gptcli checkpoint model.pth --stats",
    "--weights": f"gptcli trace {TEXT} --weights model.pth",
    "--weights gpt2": f"gptcli forward {TEXT} --weights gpt2",
    "--set key=value": None,
    "--set activation=gelu": "gptcli config show nano.json --set activation=gelu",
    "--json": "gptcli params --json",
    "--witness transformers": "gptcli verify -c gpt2 --set n_layers=2 --set emb_dim=96 --quick --witness transformers",
}
USUAL = ("memory", "params", "forward")
SMALL = "-c tiny --set n_layers=4 --set n_heads=8"
_RUNS = ("forward", "trace", "generate", "verify")
_SHELL = re.compile(r"[|<>*]")
# In double precision what rounding leaves is another number on every processor.
_ROUNDING = re.compile(r"\b\d(?:\.\d+)?e-1\d\b")
_TIME = re.compile(r"\d (?:\u00b5s|ms|s)\b")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workshop")
    furnish(folder)
    return folder


@pytest.fixture
def here(workshop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own with all files, in which the test stands."""
    folder = copy_of(workshop, tmp_path / "here")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_HUB_CACHE", str(hub_cache(folder)))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "80")
    return folder


def parsed(typed: str) -> Any:
    """Read a command line without running it; whatever is wrong with it is raised."""
    _, *words = shlex.split(re.split(r"\s[|>]", typed)[0])
    command: Any = typer.main.get_command(app)
    context = command.make_context("gptcli", ["--no-color"], resilient_parsing=True)
    while words and hasattr(command, "get_command"):
        command = command.get_command(context, words.pop(0))
    return command.make_context(command.name, words)


def run_as_typed(typed: str, cli: Cli, folder: Path) -> Outcome:
    if not _SHELL.search(typed.replace('"<|', "")):
        return cli(*shlex.split(typed)[1:])
    program = folder / "bin" / "gptcli"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gptcli "$@"\n')
    program.chmod(0o755)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(root)}
    done = subprocess.run(["sh", "-c", typed], capture_output=True, text=True, env=environment, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


def _marked(example: Example) -> Any:
    words = example.typed.split()
    command = words[1] if len(words) > 1 else ""
    large = command in _RUNS and len(words) > 2 and not {"tiny", "--weights"} & set(words)
    marks = [pytest.mark.slow] if large and example.typed not in ONLY_PARSED else []
    return pytest.param(example, marks=marks, id=f"{example.place} {example.typed}")


OURS = [each for each in examples() if each.typed.startswith("gptcli ")]


@pytest.mark.parametrize("example", [_marked(example) for example in OURS])
def test_an_example_runs_and_prints_what_is_shown(example: Example, cli: Cli, here: Path) -> None:
    words = example.typed.split()
    if len(words) == 2 and words[1] in NAMES:
        assert words[1] in names()  # a name, no example
        return
    if example.typed in ONLY_PARSED:
        parsed(example.typed)
        return
    outcome = run_as_typed(example.typed, cli, here)
    expected = next((code for beginning, code in CODES.items() if example.typed.startswith(beginning)), 0)
    assert outcome.code == expected, outcome.err
    if example.output is not None:
        assert shown(example.output) in shown(outcome.out.splitlines())


def shown(lines: list[str]) -> str:
    """Return lines as they are compared: a page may show the beginning or a part, never other lines."""
    return "".join(f"\n{_ROUNDING.sub('(rounding)', line.rstrip())}" for line in lines) + "\n"


def names() -> list[str]:
    root: Any = typer.main.get_command(app)
    return list(root.list_commands(typer.Context(root)))


def test_no_page_shows_a_time() -> None:
    """It is another one on every machine."""
    for example in examples():
        for line in example.output or ():
            assert not _TIME.search(line), f"{example.place}: {line}"


def test_every_block_of_text_is_printed_by_a_command() -> None:
    for place, content in text_blocks():
        by_hand = any(content.startswith(beginning) for beginning in DRAWN_BY_HAND)
        assert by_hand or content.startswith("$ gptcli "), f"{place}: which command prints this?"


def test_every_block_is_of_a_kind_that_is_read() -> None:
    """In a block of another language an example would be seen by nobody."""
    for place, language in languages():
        assert language in ("sh", "text"), f"{place}: write sh, or text that begins with '$ '"


def test_what_is_not_run_is_named_and_exists() -> None:
    root = Path(__file__).parents[2]
    typed = {example.typed for example in examples()}
    foreign = {each for each in typed if not each.startswith("gptcli ")}
    assert foreign <= set(OTHERS)
    assert set(ONLY_PARSED) <= typed
    assert set(COMPLETED) <= {option for option, _ in fragments(README)}
    for each in OTHERS:
        assert missing_targets(each) == []
    assert "\nhub = [" in (root / "pyproject.toml").read_text()


def test_every_other_command_in_the_text_exists() -> None:
    for page in PAGES:
        for code in (code for paragraph in paragraphs(page) for code in inline(paragraph)):
            assert missing_targets(code) == [], f"{page.name}: {code}"
            if "pip install" in code:
                assert code in OTHERS, f"{page.name}: {code}"


def missing_targets(typed: str) -> list[str]:
    """Return the targets of a ``make`` that the Makefile lacks; a word with ``=`` is a variable."""
    program, *words = typed.split()
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    return [word for word in words if program == "make" and "=" not in word and f"\n{word}:" not in makefile]


def test_missing_targets() -> None:
    assert missing_targets("make PYTHON=python3.12 lint tst") == ["tst"]
    assert missing_targets("pip install tst") == []


OPTIONS = fragments(README)


def _peer_marked(option: tuple[str, str | None]) -> Any:
    marks = [pytest.mark.parity] if option[0].startswith("--witness transformers") else []
    return pytest.param(option, marks=marks, id=f"{option[1]} {option[0]}")


@pytest.mark.parametrize("option", [_peer_marked(option) for option in OPTIONS])
def test_an_option_in_the_text_runs_with_its_command(option: tuple[str, str | None], cli: Cli, here: Path) -> None:
    typed, command = option
    line = COMPLETED[typed] if typed in COMPLETED else _completed(typed, command)
    if line is None:
        return
    outcome = run_as_typed(line, cli, here)
    assert outcome.code == 0, f"{line}: {outcome.err}"


def _completed(option: str, command: str | None) -> str | None:
    """Return the whole command line, or None for an option that is only named and that some command has.

    A paragraph without a command, or with one that lacks the option, speaks of the first of ``USUAL`` that has it.
    """
    words = shlex.split(option)
    if command is None or words[0] not in _options(command.split()[1]):
        holders = [name for name in (*USUAL, *names()) if words[0] in _options(name)]
        assert holders, f"no command has {words[0]}"
        if len(words) == 1:
            return None
        command = f"gptcli {holders[0]}"
    name = command.split()[1]
    if len(words) == 1 and not _options(name)[words[0]].is_flag:
        return None
    text = f" {TEXT}" if name in ("forward", "trace", "generate") and len(command.split()) == 2 else ""
    small = f" {SMALL}" if name in _RUNS and not {"--weights", "-c"} & set(words) else ""
    return f"{command}{text}{small} {option}"


@cache
def _options(name: str) -> dict[str, Any]:
    """Return the options of a command by their flags."""
    root: Any = typer.main.get_command(app)
    command = root.get_command(typer.Context(root), name)
    options = [each for each in command.params if each.param_type_name == "option"]
    return {flag: each for each in options for flag in (*each.opts, *each.secondary_opts)}
