"""Text of others - names in files, options, tokens, messages - never controls a terminal, wherever it is printed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gptcli.config.printable import harmless, printable
from tests.conftest import Cli, gptcli_process
from tests.terminal import on_a_terminal

# A title, a colour, the same with the one-byte introducer, delete, both kinds of bidi control, zero width, a tag.
HOSTILE = "a\x1b]0;PWN\x07\x1b[31m\x9b31m\x7f\u202e\u2066\u200b\ufeff\U000e0041\u2028z"
TINY = ["-c", "tiny"]
PLAIN = {"TERM": "dumb"}  # no colours: whatever is not text comes from the text of others


def loose(text: str) -> list[str]:
    """Return what is in a text that a terminal could obey, or not show."""
    return sorted({ascii(c) for c in text if not c.isprintable() and c not in "\n\t"})


def safetensors(path: Path, entries: dict[str, object]) -> None:
    header = json.dumps(entries).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 8)


def entry(**changes: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}


FILES: dict[str, Callable[[Path], object]] = {
    "a tensor's name": lambda path: safetensors(path, {HOSTILE: entry()}),
    "two names": lambda path: safetensors(path, {"wte.weight": entry(shape=[1, 2]), HOSTILE: entry()}),
    "a field of a tensor": lambda path: safetensors(path, {"wte.weight": entry(**{HOSTILE: 1})}),
    "a dtype": lambda path: safetensors(path, {"wte.weight": entry(dtype=HOSTILE)}),
    "a shape": lambda path: safetensors(path, {"wte.weight": entry(shape=HOSTILE)}),
    "metadata": lambda path: safetensors(
        path, {"__metadata__": {"gptcli.config": json.dumps({HOSTILE: 1})}, "wte.weight": entry(shape=[1, 2])}
    ),
    "an index": lambda path: path.write_text(json.dumps({"weight_map": {"a": HOSTILE}})),
    "no JSON": lambda path: path.write_bytes(b"\x08\0\0\0\0\0\0\0{" + HOSTILE.encode()),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_checkpoint(cli: Cli, tmp_path: Path, case: str) -> None:
    path = tmp_path / ("model.safetensors.index.json" if case == "an index" else "model.safetensors")
    FILES[case](path)
    for arguments in (["checkpoint"], ["checkpoint", "--stats"], ["checkpoint", "--json"], ["forward", "x", "-w"]):
        outcome = cli(*arguments, str(path))
        assert outcome.code in (1, 2)
        assert loose(outcome.out + outcome.err) == []


CONFIGS = {
    "a key": f"{json.dumps(HOSTILE)}: 1",
    "a value": f"n_layers: {json.dumps(HOSTILE)}",
    "a name": f"name: {json.dumps(HOSTILE)}",
    "a list": f"n_layers: [{json.dumps(HOSTILE)}]",
    "raw": HOSTILE,
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config(cli: Cli, tmp_path: Path, case: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(CONFIGS[case])
    for arguments in (["params", "-c"], ["config", "validate"], ["config", "show"]):
        outcome = cli(*arguments, str(path))
        assert (outcome.code, outcome.out) == (2, "")
        assert loose(outcome.err) == []


COMMAND_LINES = {
    "an option": ["params", f"--{HOSTILE}"],
    "a value": ["params", "--depth", HOSTILE],
    "a choice": ["forward", "x", "--device", HOSTILE],
    "a command": [HOSTILE],
    "a command of a group": ["config", HOSTILE],
    "an argument too many": ["params", HOSTILE],
    "a preset": ["params", "-c", HOSTILE],
    "a setting": ["params", "--set", f"{HOSTILE}=1"],
    "a setting's value": ["params", "--set", f"n_layers={HOSTILE}"],
    "a text file": ["tokenize", "-f", HOSTILE],
    "a checkpoint": ["checkpoint", HOSTILE],
    "an output": ["flow", *TINY, "-o", f"no/{HOSTILE}"],
    "a layout": ["checkpoint", "convert", "a", "b", "--to", HOSTILE],
    "ids": ["tokenize", "--decode", HOSTILE],
    "a step": ["trace", "x", *TINY, "--tensor", HOSTILE],
    "a target": ["check", f"{HOSTILE}.py:GPT"],
    "a traceback": ["params", "-c", HOSTILE, "--debug"],
}


@pytest.mark.parametrize("case", COMMAND_LINES)
def test_wrong_usage(cli: Cli, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTCLI_DEBUG", "")
    outcome = cli(*COMMAND_LINES[case])
    assert (outcome.code, outcome.out) == (2, "")
    assert loose(outcome.err) == []
    assert "\\x1b" in outcome.err


def test_files_of_such_names(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / f"{HOSTILE}.yaml"
    path.write_text("{vocab_size: 50257, context_length: 8, n_layers: 1, n_heads: 4, emb_dim: 8}")
    text = tmp_path / HOSTILE
    text.write_text("Every effort")
    output = tmp_path / f"{HOSTILE}.txt"
    for arguments in (
        ["params", "-c", str(path)],
        ["config", "validate", str(path)],
        ["flow", "-f", str(text), "-c", str(path), "--format", "text", "-o", str(output)],
        ["forward", "-f", str(text), "-c", str(path), "--save", f"{output}.safetensors"],
    ):
        outcome = cli(*arguments)
        assert outcome.code == 0, outcome.err
        assert loose(outcome.out + outcome.err) == []


@pytest.mark.parametrize("command", ["tokenize", "flow", "forward", "trace"])
def test_a_text_in_a_report(cli: Cli, command: str) -> None:
    arguments = [command] if command == "tokenize" else [command, *TINY]
    outcome = cli(*arguments, HOSTILE)
    assert (outcome.code, loose(outcome.out + outcome.err)) == (0, [])
    document = cli(*arguments, HOSTILE, "--json")
    assert loose(document.out) == []
    assert HOSTILE in _strings(document.json) or command != "tokenize"


def _strings(value: object) -> set[str]:
    if isinstance(value, str):
        return {value}
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(_strings, inside))


class TestOnATerminal:
    """What is printed as it is for a program."""

    @pytest.mark.parametrize("format_", ["text", "mermaid", "svg", "html"])
    def test_drawings(self, format_: str) -> None:
        assert loose(on_a_terminal("flow", HOSTILE, *TINY, "--format", format_, environment=PLAIN)) == []

    def test_a_decoded_text(self, cli: Cli) -> None:
        ids = cli("tokenize", "--ids", HOSTILE).out.split()
        assert on_a_terminal("tokenize", "--decode", *ids, environment=PLAIN) == f"{harmless(HOSTILE)}\n"
        assert gptcli_process("tokenize", "--decode", *ids).stdout == HOSTILE

    def test_bytes_that_are_no_text(self, cli: Cli) -> None:
        introducer = cli("tokenize", "--ids", "\x9b").out.split()[-1]  # the second of its two bytes in UTF-8
        assert on_a_terminal("tokenize", "--decode", introducer, environment=PLAIN) == "\\x9b\n"

    def test_json(self) -> None:
        shown = on_a_terminal("tokenize", "--json", HOSTILE, environment=PLAIN)
        assert loose(shown) == []
        assert json.loads(shown)["texts"][0]["text"] == HOSTILE
        assert shown.count("\n") > 10


def test_json_of_other_scripts_stays_readable(cli: Cli) -> None:
    text = "naïve 漢字 \U0001f600 \u00a0\U000e0041"
    out = cli("tokenize", "--json", text).out
    assert '"text":"naïve 漢字 \U0001f600 \\u00a0\\udb40\\udc41"' in out
    assert json.loads(out)["texts"][0]["text"] == text


def test_a_renderer_that_forgets_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Group
    from rich.text import Text

    from gptcli.render.console import plain_table
    from gptcli.render.emit import print_text

    table = plain_table(wrap=True)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    print_text(Group(Text(HOSTILE), HOSTILE, table))
    assert loose(capsys.readouterr().out) == []


def test_what_is_harmless_and_what_is_printable() -> None:
    assert harmless("a\n\tb \u3000\u00a0é") == "a\n\tb \u3000\u00a0é"
    assert printable("a\n\u3000") == "a\\n\\u3000"
    assert harmless(HOSTILE) == printable(HOSTILE) == HOSTILE.encode("unicode_escape").decode()
