"""What flow does beyond the happy path: texts and sizes, files and formats, refusals."""

from pathlib import Path

import pytest

from tests.conftest import Cli

LECTURE = [
    "token ids", "Token embedding", "Positional embedding", "Token + positional embedding", "Dropout",
    "12 x Transformer block", "Layer norm 1", "Masked multi-head attention", "Dropout", "Shortcut connection",
    "Layer norm 2", "Feed forward", "Dropout", "Shortcut connection", "all 12 blocks", "Final layer norm",
    "Output head",
]  # fmt: skip


def test_it_reads_from_top_to_bottom_like_the_lecture(cli: Cli) -> None:
    out = cli("flow", "Every effort moves you").out
    rows = out.split("\u2500\n", 1)[1].split("\n\n")[0].splitlines()
    labels = [
        row.split(" (")[0].split("   ")[0].strip("\u2500\u2502\u256d\u2570\u2524\u250c\u2514\u25cf\u2295 ")
        for row in rows
    ]
    assert [label for label in labels if label] == LECTURE
    assert "(B, T, C) = 1 x 4 x 768" in out


def test_texts_give_the_sizes(cli: Cli) -> None:
    document = cli("flow", "Every effort moves you", "Hi", "-c", "tiny", "--json").json
    assert (document["batch_size"], document["seq_len"]) == (2, 4)
    assert [len(tokens) for tokens in document["text_tokens"]] == [4, 1]
    assert document["steps"][0]["shape"] == [2, 4, 64]
    without = cli("flow", "-c", "tiny", "-b", "3", "-t", "5", "--json").json
    assert (without["text_tokens"], without["steps"][0]["shape"]) == (None, [3, 5, 64])
    assert cli("flow", "-c", "tiny", "--json").json["seq_len"] == 256


def test_the_promised_keys(cli: Cli) -> None:
    document = cli("flow", "Every effort moves you", "--json").json
    assert len(document["steps"]) == 6 + 12 * 19
    assert document["steps"][-1] | {"formula": ""} == {
        "path": "lm_head", "label": "Output head", "operation": "linear", "formula": "", "reads": ["ln_f"],
        "shape": [1, 4, 50257], "symbols": ["B", "T", "V"], "block": None, "parent": None, "group": False,
        "weights": {"weight": [50257, 768]}, "tied_to": None, "parameters": 38_597_376, "flops": 308_779_008,
        "bytes": 804_112,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["x.svg", "x.mmd", "x.txt", "x.html"])
def test_the_ending_of_a_file_says_the_format(cli: Cli, tmp_path: Path, name: str) -> None:
    outcome = cli("flow", "-c", "tiny", "-o", str(tmp_path / name))
    assert (outcome.code, outcome.out) == (0, "")
    written = (tmp_path / name).read_text(encoding="utf-8")
    format_ = {"svg": "svg", "mmd": "mermaid", "txt": "text", "html": "html"}[name[2:]]
    assert written == cli("flow", "-c", "tiny", "--format", format_).out
    assert [path.name for path in tmp_path.iterdir()] == [name]


REFUSED = {
    "a length beside a text": (["x", "-t", "3"], "a text has a length of its own"),
    "a batch beside a text": (["x", "-b", "1"], "a text has a length of its own"),
    "a length over the context": (["-t", "1025"], "--seq-len 1,025 is over the context length 1,024"),
    "an empty text": ([""], "text 1 is empty"),
    "an unknown format": (["--format", "svgg"], "unknown format 'svgg' (did you mean 'svg'?)"),
    "no such folder": (["-o", "/nonexistent/x.svg"], "/nonexistent/x.svg: cannot be written"),
    "another command's dtype": (["--dtype", "int8"], "dtype 'int8' is for weights in 'gptcli memory'"),
    "json and a drawing": (["--json", "-o", "x.svg"], "--json prints the steps, and --format and -o a drawing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(cli: Cli, case: str) -> None:
    arguments, told = REFUSED[case]
    outcome = cli("flow", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert told in outcome.err


def test_an_unwritable_path_fails_before_the_work(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("gptcli.analysis.flow.flow_report", never)
    assert cli("flow", "-o", "/nonexistent/x.svg").code == 2


@pytest.mark.parametrize("width", [30, 45, 60, 70])
def test_no_figure_is_cut_on_a_narrow_screen(cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = cli("flow", "--depth", "3").out
    assert "\u2026" not in out
    if width > 45:
        assert max(map(len, out.splitlines())) <= width
    assert "1x12x1024x1024" in out
