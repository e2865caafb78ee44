"""``gptcli params`` from the outside."""

import pytest

from gptcli.analysis.formulas import evaluate
from tests.conftest import Cli

HUGE = ["--set", "n_layers=9000000", "--set", "emb_dim=16777152", "--set", "n_heads=1", "--set", "vocab_size=16777216"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("124M", "tied"),
        ("124.44M", "tied, with QKV bias"),
        ("163M", "untied (this model)"),
        ("163009536", "untied (this model)"),
        ("137M", "stored causal masks counted, with QKV bias"),
        ("85M", "without any embedding or output head"),
    ],
)
def test_why(cli: Cli, number: str, words: str) -> None:
    outcome = cli("params", "--why", number)
    assert outcome.code == 0
    assert words in outcome.out
    assert "nearest" not in outcome.out


def test_why_not(cli: Cli) -> None:
    screen = cli("params", "--why", "110M").out
    assert "no way of counting yields it; the nearest are" in screen
    rows = cli("params", "--why", "110M", "--json").json["why"]
    assert all(row["residual"] == row["parameters"] - 110 * 10**6 != 0 for row in rows)
    assert not any(row["matches"] for row in rows)


@pytest.mark.parametrize(
    ("model", "number", "first"),
    [
        ("gpt2-124m", "38597376", "Token embedding wte"),
        ("gpt2-124m", "38,597,376", "Token embedding wte"),
        ("gpt2-124m", "50257*768", "Token embedding wte"),
        ("gpt2-124m", "1024 x 768", "Positional embedding wpe"),
        ("gpt2-124m", "7.0856M", "Transformer block h.{i}, one of 12"),
        ("gpt2-124m", "1.56B", "total of preset gpt2-xl, tied"),
        ("gpt2-124m", "1.24e8", "tied"),
        ("gpt2", "0.117B", "OpenAI's first name of GPT-2 small, a miscount, preset gpt2"),
        ("gpt2-xl", "1542M", "OpenAI's first name of GPT-2 XL, a miscount, preset gpt2-xl"),
    ],
)
def test_the_first_reason(cli: Cli, model: str, number: str, first: str) -> None:
    row = cli("params", "-c", model, "--why", number, "--json").json["why"][0]
    assert (", ".join(row["conventions"]), row["matches"]) == (first, True)
    assert first in " ".join(cli("params", "-c", model, "--why", number).out.split())


def test_a_miscount_says_the_count_and_where_it_stands(cli: Cli) -> None:
    screen = " ".join(cli("params", "-c", "gpt2", "--why", "117M").out.split())
    assert "117M: one explanation" in screen
    assert "124,439,808 OpenAI's first name of GPT-2 small, a miscount, preset gpt2 117M + 7,439,808" in screen
    assert "the first GPT's vocabulary of 40,478 would make 116,929,536" in screen


def test_what_nobody_uses_comes_last(cli: Cli) -> None:
    screen = cli("params", "--why", "137M").out
    heading = "Combinations of conventions with that count, which nobody is known to use"
    assert screen.index("Hugging Face Hub") < screen.index(heading) < screen.index("bias-free")
    assert heading not in cli("params", "--why", "110M").out


def test_parts_of_one_count_are_named_in_one_row(cli: Cli) -> None:
    assert "also Output head lm_head; what tying the output head saves" in cli("params", "--why", "38597376").out
    assert "; 4 more" in " ".join(cli("params", "--why", "768").out.split())


def test_conventions(cli: Cli) -> None:
    rows = cli("params", "--conventions", "--json").json["conventions"]
    assert rows[0]["name"] == "untied"
    assert rows[0]["parameters"] == 163_009_536
    screen = cli("params", "--conventions").out
    for row in rows:
        assert f"{row['parameters']:,}" in screen
        assert row["used_by"].split()[0] in screen


def test_explanations_evaluate_to_their_values(cli: Cli) -> None:
    for tying in ("--tied", "--untied"):
        document = cli("params", tying, "--explain", "--json").json
        assert document["explanations"][0]["value"] == document["total"]
        assert sum(line["value"] for line in document["explanations"][1:]) == document["total"]
        for line in document["explanations"]:
            assert evaluate(line["formula"], line["values"]) == line["value"]


def test_explanations_as_text(cli: Cli) -> None:
    screen = cli("params", "--explain", "--depth", "1").out
    assert "= L*3*C*C  = 12*3*768*768" in screen
    assert "C embedding width" in screen


def test_budget(cli: Cli) -> None:
    held = cli("params", "--tied", "--budget", "130M", "--json")
    assert (held.code, held.err) == (0, "")
    assert held.json["budget"] == {
        "limit": 130 * 10**6,
        "value": 124_412_160,
        "holds": True,
        "unit": "M",
        "headroom_bytes": None,
    }
    over = cli("params", "--budget", "130M", "--json")
    assert over.code == 1
    assert over.json["budget"]["holds"] is False
    assert over.err == (
        "error: over budget: 163.01M against 130M; exactly 163,009,536 parameters against 130,000,000, "
        "33,009,536 too many\n"
    )
    text = cli("params", "--budget", "163009535")
    assert text.code == 1
    assert "Total" in text.out


@pytest.mark.parametrize("option", ["--budget", "--why"])
@pytest.mark.parametrize("text", ["", "abc", "-1M", "0", "1.5", "24GiB"])
def test_bad_numbers(cli: Cli, option: str, text: str) -> None:
    outcome = cli("params", f"{option}={text}", "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert option in outcome.err
    assert "130M" in outcome.err


@pytest.mark.parametrize("text", ["5*", "*", "3*0", "3*1.5", "2*-3", "*".join("222222222")])
def test_bad_products(cli: Cli, text: str) -> None:
    outcome = cli("params", f"--why={text}", "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"--why {text!r}" in outcome.err


def test_one_block_is_still_a_block(cli: Cli) -> None:
    assert "1 x Transformer block" in cli("params", "--set", "n_layers=1").out


def test_the_difference_is_called_so(cli: Cli) -> None:
    assert "  difference  38,597,376" in cli("params").out


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("depth", ["1", "3", "4"])
def test_no_figure_is_cut(cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int, depth: str) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for model in (HUGE, ["--set", "n_layers=600000", "--set", "emb_dim=2048000", "--set", "n_heads=1000"], []):
        screen = cli("params", "--depth", depth, *model).out
        assert max(map(len, screen.splitlines())) <= width
        assert "…" not in screen
        rows = [
            line for line in screen.splitlines() if line.startswith(("Total", "Token embedding  ", "  Layer norm 1"))
        ]
        total = cli("params", "--conventions", *model).out.split("untied (this model)")[0].split()[-1]
        assert any(total in row for row in rows)


def test_a_list_without_end_is_refused(cli: Cli) -> None:
    outcome = cli("params", "--set", "n_layers=1000000", "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert "2,000,000" in outcome.err
    assert cli("params", "--set", "n_layers=1000000").code == 0


def test_every_parameter_is_active(cli: Cli) -> None:
    document = cli("params", "-c", "tiny", "--json").json
    assert document["active"] == document["total"] == 6_598_784
