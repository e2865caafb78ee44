"""Manners on a terminal and in a pipe: imports, broken pipes, interrupts, colours, tracebacks."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.conftest import Cli, gptcli_process, started
from tests.terminal import on_a_terminal

TORCH_FREE = [
    ["--help"],
    ["--version"],
    ["params"],
    ["params", "--json"],
    ["params", "--conventions", "--explain"],
    ["params", "--why", "137M"],
    ["memory"],
    ["memory", "--mode", "training", "--explain", "--budget", "24GiB"],
    ["flops", "--explain"],
    ["fit", "--budget", "24GiB"],
    ["compare", "gpt2-124m", "gpt2"],
    ["flow"],
    ["flow", "Every effort moves you", "--json"],
    ["flow", "--format", "mermaid"],
    ["flow", "--format", "svg", "--depth", "3"],
    ["verify", "--help"],
    ["tokenize", "Every effort moves you"],
    ["config", "list"],
    ["config", "show", "gpt2"],
    ["config", "schema"],
    ["config", "schema", "forward"],
    ["check", "--help"],
    ["check", "/nowhere.py:GPTModel"],
    ["forward", "--help"],
    ["forward", "x", "-c", "gpt3-175b", "--device", "cpu"],
    ["generate", "--help"],
    ["generate", "x", "--temperature", "nan"],
    ["generate", "x", "-c", "gpt3-175b", "--device", "cpu"],
    ["trace", "--help"],
    ["trace", "x", "--block", "12"],
    ["trace", "x", "--html", "x.pdf"],
    ["forward", "x", "--save", "x.pt"],
    ["checkpoint", "convert", "ckpt.pt", ".", "--to", "huggingface"],
    ["trace", "x", "--tensor", "h.0.att"],
    ["trace", "x", "-c", "gpt3-175b", "--device", "cpu"],
]
PROBE = """
import json, sys
from gptcli.cli import run
code = run(sys.argv[1:])
heavy = ["torch", "numpy", "transformers", "safetensors"]
print(json.dumps([name for name in heavy if name in sys.modules]), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", TORCH_FREE, ids=" ".join)
def test_torch_is_loaded_only_to_run_the_network(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stderr.splitlines()[-1]) == []


def test_only_the_invoked_command_is_imported() -> None:
    probe = PROBE.replace('heavy = ["torch", "numpy", "transformers", "safetensors"]', "heavy = list(sys.modules)")
    done = subprocess.run(
        [sys.executable, "-c", probe, "params"], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = json.loads(done.stderr.splitlines()[-1])
    commands = {name for name in loaded if name.startswith("gptcli.commands.") and "._" not in name}
    assert commands == {"gptcli.commands.params"}


@pytest.mark.parametrize(
    "arguments",
    [["params"], ["params", "--json"], ["--help"], ["params", "--help"], ["config", "-h"], ["tokenize", "x" * 9999]],
)
def test_a_reader_that_goes_away_is_no_error(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "gptcli", *arguments]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_ends_quietly_with_130() -> None:
    with started("forward", "-", "-c", "tiny", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.flush()
        while _unread(process.stdin.fileno()):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err


def _unread(pipe: int) -> int:
    """Return how many bytes of a pipe are still to be read."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_temporary_file(number: signal.Signals, tmp_path: Path) -> None:
    saved = tmp_path / "x.safetensors"
    sizes = ["-c", "tiny", "--set", "emb_dim=512", "--set", "n_layers=64", "--force"]
    with started("forward", "x", *sizes, "--save", str(saved)) as process:
        while not any(tmp_path.iterdir()):  # the temporary file marks that the work has begun
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (128 + number, b"", b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("redirections", "code", "out", "told"),
    [
        ("<&-", 2, "", "error: <stdin>: is closed"),
        (">&-", 1, "", "error: standard output is closed"),
        ("2>&-", 2, "", ""),
        (">&- 2>&-", 1, "", ""),
        ("<&- >&- 2>&-", 1, "", ""),
    ],
)
@pytest.mark.parametrize("arguments", ["tokenize -", "params -c -"])
def test_closed_streams(arguments: str, redirections: str, code: int, out: str, told: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m gptcli {arguments} {redirections}"],
        stdin=None if "<" in redirections else subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if (arguments, redirections) == ("tokenize -", "2>&-"):
        code, out = 0, done.stdout  # nothing is wrong with an empty text
    assert (done.returncode, done.stdout) == (code, out)
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == bool(told)


def test_a_full_disk_is_told_once() -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "gptcli", "params"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "error: input or output: No space left on device\n")


@pytest.mark.parametrize("near", ["paramz", "PARAMS", "param"])
def test_an_unknown_command_brings_the_nearest_to_mind(cli: Cli, near: str) -> None:
    outcome = cli(near)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"no such command '{near}' (did you mean 'params'?)" in outcome.err
    assert "did you mean" not in cli("zzzzzz").err


@pytest.mark.parametrize(("value", "shown"), [("", False), ("0", False), ("false", False), ("1", True), ("yes", True)])
def test_the_debug_variable_can_say_no(cli: Cli, monkeypatch: pytest.MonkeyPatch, value: str, shown: bool) -> None:
    monkeypatch.setenv("GPTCLI_DEBUG", value)
    assert ("Traceback" in cli("params", "-c", "nope").err) is shown


def test_a_problem_is_a_line_and_fifty_are_enough(cli: Cli) -> None:
    several = cli("params", "--set", "a\nb=1", "--set", "n_layers=0")
    assert [line.split(":")[0] for line in several.err.splitlines()] == ["error", "error"]
    assert "--set a\\nb=1: unknown key" in several.err
    many = cli("params", *(argument for n in range(60) for argument in ("--set", f"key{n}=1")))
    assert len(many.err.splitlines()) == 51
    assert many.err.endswith("error: and 10 more\n")


@pytest.mark.parametrize("arguments", [["params"], ["memory"], ["config", "list"], ["tokenize", "a b"]], ids=" ".join)
def test_no_line_ends_in_blanks_in_a_pipe(cli: Cli, arguments: list[str]) -> None:
    assert all(line == line.rstrip() for line in cli(*arguments).out.splitlines())


@pytest.mark.parametrize(
    ("changes", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"flag": "--no-color"}, False)],
)
def test_colour_only_where_it_is_wanted(changes: dict[str, str], coloured: bool) -> None:
    flags = [changes["flag"]] if "flag" in changes else []
    environment = {name: value for name, value in changes.items() if name != "flag"}
    assert ("\x1b[36m" in on_a_terminal("params", *flags, environment=environment)) is coloured


def test_no_colour_in_a_pipe() -> None:
    assert "\x1b" not in gptcli_process("params", env={**os.environ, "TERM": "xterm-256color"}).stdout


def test_no_line_is_wider_than_the_terminal() -> None:
    for arguments in (["params", "--depth", "4"], ["memory"], ["config", "list"], ["tokenize", "Every effort"]):
        for preset in ("gpt2-124m", "gpt3-175b"):
            model = ["-c", preset] if arguments[0] in ("params", "memory") else []
            for width in (80, 120):
                out = gptcli_process(*arguments, *model, env={**os.environ, "COLUMNS": str(width)}).stdout
                assert max(map(len, out.splitlines())) <= width
                assert "…" not in out


def test_a_traceback_is_shown_only_on_demand(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("- a\n")
    quiet = cli("params", "-c", str(bad))
    assert (quiet.code, quiet.err) == (2, f"error: {bad}:1: is not a mapping; write one 'key: value' a line\n")
    monkeypatch.setenv("GPTCLI_DEBUG", "")  # restores what --debug sets
    loud = cli("params", "-c", str(bad), "--debug")
    assert loud.code == 2
    assert "Traceback" in loud.err


def test_a_missing_folder_is_made_by_what_the_error_says(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("flow", "-c", "tiny", "-o", "my maps/deep/x.svg")
    told = cli(*arguments).err
    assert told.startswith("error: my maps/deep/x.svg: cannot be written: No such file or directory; ")
    subprocess.run(["sh", "-c", told.rpartition("with: ")[2]], check=True)
    assert cli(*arguments).code == 0


def test_an_internal_error_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("gptcli.api.params.params_report", broken)
    outcome = cli("params")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "error: internal: RuntimeError: boom; --debug shows the traceback\n"


def test_control_characters_of_the_input_never_reach_the_terminal(cli: Cli) -> None:
    assert "\x1b" not in cli("params", "-c", "\x1b[31mred").err
    assert "\x1b" not in cli("tokenize", "\x1b[31mred\x07").out


@pytest.mark.parametrize(
    "arguments",
    [["params", "--nope"], ["nope"], ["params", "--depth", "9"], ["forward", "x", "--attention", "flash"]],
)
def test_wrong_usage_ends_in_2(cli: Cli, arguments: list[str]) -> None:
    outcome = cli(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
