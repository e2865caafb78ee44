"""Standard input: read where a text is needed and none is given, and nowhere else."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli
from tests.terminal import on_a_terminal

TEXT = "Every effort moves you\n"
TAKING = {
    "tokenize": ["tokenize"],
    "tokenize --ids": ["tokenize", "--ids"],
    "tokenize --count": ["tokenize", "--count"],
    "tokenize --json": ["tokenize", "--json"],
    "forward": ["forward", "-c", "tiny"],
    "trace": ["trace", "-c", "tiny", "--tensor", "ln_f"],
    "generate": ["generate", "-c", "tiny", "-n", "2"],
}
NOT_TAKING = [
    ["params"],
    ["memory"],
    ["flops"],
    ["fit", "--budget", "24GiB"],
    ["compare", "gpt2", "tiny"],
    ["flow", "-c", "tiny"],
    ["config", "list"],
    ["config", "show"],
    ["trace", "-c", "tiny", "--tensor", "list"],
    ["check", "/nowhere.py:GPT"],
]


class Untouchable:
    """Standard input that must not be looked into."""

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def _without_times(text: str) -> str:
    return re.sub(r" *[\d.]+ (?:\u00b5s|ms|s|tokens/s)\b", " #", text)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[bytes], None]]:
    """Put bytes on standard input."""
    with ExitStack() as stack:

        def put(data: bytes) -> None:
            file = tmp_path / "stdin"
            file.write_bytes(data)
            monkeypatch.setattr(sys, "stdin", stack.enter_context(file.open(encoding="utf-8")))

        yield put


@pytest.mark.parametrize("command", TAKING)
def test_a_text_that_is_piped_in_is_the_text(cli: Cli, command: str, pipe: Callable[[bytes], None]) -> None:
    given = cli(*TAKING[command], TEXT)
    for sign in ([], ["-"]):
        pipe(TEXT.encode())
        piped = cli(*TAKING[command], *sign)
        assert piped.code == given.code == 0
        assert _without_times(piped.out) == _without_times(given.out)


def test_ids_that_are_piped_in_are_decoded(cli: Cli, pipe: Callable[[bytes], None]) -> None:
    pipe(b"6109 3626 6100 345\n")
    assert cli("tokenize", "--decode").out == "Every effort moves you"


@pytest.mark.parametrize("command", [*TAKING, "tokenize --decode"])
def test_nothing_piped_in_is_no_text(cli: Cli, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "error: no text given; write it after the command, name a file with -f, or pipe it in\n"
    if command == "tokenize --decode":
        told = "error: no ids given; write them after the command, name a file with -f, or pipe them in\n"
    arguments = TAKING.get(command, command.split())
    assert cli(*arguments) == (2, "", told)  # /dev/null, as under cron
    monkeypatch.setattr(sys, "stdin", None)  # closed
    assert cli(*arguments) == (2, "", told)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("9" * 23, f"id {'9' * 23}: r50k_base has the ids 0 to 50256"),
        ("1000000", "id 1000000: r50k_base has the ids 0 to 50256"),
        ("9" * 5000, f"id {'9' * 37}...: r50k_base has the ids 0 to 50256"),
        ("1.5", "'1.5' is not a token id; give whole numbers, e.g. --decode 6109 3626"),
        ("x" * 23, f"'{'x' * 23}' is not a token id; give whole numbers, e.g. --decode 6109 3626"),
        ("\x1b[31", "'\\x1b' is not a token id; give whole numbers, e.g. --decode 6109 3626"),
    ],
)
def test_what_is_no_id_is_shown_whole_with_its_reason(cli: Cli, word: str, told: str) -> None:
    assert cli("tokenize", "--decode", word) == (2, "", f"error: {told}\n")


def test_an_id_may_begin_with_zeros(cli: Cli) -> None:
    assert cli("tokenize", "--decode", "00000000006109").out == "Every"


@pytest.mark.parametrize("command", TAKING)
def test_standard_input_is_left_alone_where_a_text_is_given(
    cli: Cli, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "text"
    file.write_text(TEXT)
    monkeypatch.setattr(sys, "stdin", Untouchable())
    for source in ([TEXT], ["-f", str(file)], ["--", "-f"]):
        assert cli(*TAKING[command], *source).code == 0


@pytest.mark.parametrize("arguments", NOT_TAKING, ids=" ".join)
def test_standard_input_is_left_alone_where_no_text_is_needed(
    cli: Cli, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = cli(*arguments)
    monkeypatch.setattr(sys, "stdin", Untouchable())
    assert cli(*arguments) == expected


@pytest.mark.parametrize("command", ["forward", "trace", "generate"])
def test_a_config_that_is_piped_in_is_no_text(cli: Cli, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Untouchable())
    assert cli(command, "-c", "-").err.startswith("error: no text given")


def test_what_is_piped_in_has_a_name_in_messages(cli: Cli, pipe: Callable[[bytes], None]) -> None:
    pipe(b"a " * 300)
    assert cli("forward", "-c", "tiny").err.startswith("error: <stdin> has 301 tokens, over the context length 256")
    pipe(b"ok\n\xff")
    assert cli("tokenize").err.startswith("error: <stdin>:2: byte 0xFF")


def test_a_terminal_is_not_read() -> None:
    assert on_a_terminal("tokenize", code=2, environment={"NO_COLOR": "1"}).startswith("error: no text given")


def test_a_pipe_that_comes_late_is_waited_for() -> None:
    command = f"(sleep 0.3; echo text) | {sys.executable} -m gptcli tokenize --count"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


@pytest.mark.parametrize("colour", [True, False])
def test_a_long_file_shows_how_much_is_read(tmp_path: Path, colour: bool) -> None:
    file = tmp_path / "long.txt"
    file.write_bytes(b"Every effort moves you.\n" * 2**18)
    colours = {} if colour else {"NO_COLOR": "1"}
    shown = on_a_terminal("tokenize", "--count", "-f", str(file), environment=colours).splitlines()
    assert any("/6.3 MB" in line for line in shown) is colour
    assert shown[-1].endswith(str(6 * 2**18))
