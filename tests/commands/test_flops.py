"""``gptcli flops`` from the outside."""

import pytest

from tests.conftest import Cli


def test_document(cli: Cli) -> None:
    document = cli("flops", "--json").json
    assert (document["schema_version"], document["command"]) == (2, "flops")
    assert (document["batch_size"], document["seq_len"]) == (1, 1024)
    assert document["forward_flops"] == 291_648_307_200
    assert document["backward_flops"] == 583_296_614_400
    assert document["training_flops"] == 874_944_921_600
    assert document["conventions"]["matmul_full_attention"] == document["training_flops"]
    assert (document["mfu"], document["explanations"], document["budget"]) == (None, None, None)


def test_options_reach_the_count(cli: Cli) -> None:
    one = cli("flops", "-c", "tiny", "-t", "32", "--json").json
    two = cli("flops", "-c", "tiny", "-t", "32", "-b", "2", "--attention", "explicit", "--json").json
    assert two["forward_flops"] == 2 * one["forward_flops"]
    assert [part["path"] for part in two["parts"]] != [part["path"] for part in one["parts"]]
    assert cli("flops", "--tied", "--json").json["conventions"]["six_n"] == 6 * 124_412_160 * 1024


def test_explanations(cli: Cli) -> None:
    names = {line["name"] for line in cli("flops", "--explain", "--json").json["explanations"]}
    assert {"forward", "linear", "attention", "backward", "training", "six_n", "palm_mfu", "macs_forward"} <= names
    assert "= 2*forward  = 2*291648307200" in cli("flops", "--explain").out


@pytest.mark.parametrize("tying", ["--tied", "--untied"])
def test_utilization(cli: Cli, tying: str) -> None:
    speed = ("--tokens-per-second", "100000", "--peak-tflops", "312")
    document = cli("flops", tying, *speed, "--json").json
    assert document["mfu"] == pytest.approx(100_000 * 854_438_400 / 312e12)
    assert document["utilization"].keys() == document["conventions"].keys()
    assert document["utilization"]["matmul_full_attention"] == document["mfu"]
    assert document["utilization"]["nanogpt_mfu"] == pytest.approx(100_000 * 855_000_576 / 312e12)
    screen = cli("flops", tying, *speed).out
    assert "27.39%  model FLOPs utilization (MFU), of the matrix products" in screen
    assert "27.40%  nanoGPT's" in screen
    assert "100,000 tokens/s x 854,438,400 FLOPs a token / 312 TFLOPS" in screen


def test_no_utilization_without_a_speed(cli: Cli) -> None:
    assert cli("flops", "--json").json["utilization"] is None
    screen = cli("flops").out
    assert "MFU)" not in screen
    assert "utilization by it" not in screen


def test_more_than_the_machine_can_do(cli: Cli) -> None:
    screen = cli("flops", "--tokens-per-second", "62568.34", "--peak-tflops", "1").out
    assert "More than the machine can do" in screen
    assert "62,568.34 tokens/s" in screen


def test_the_lectures_notebook_is_found_again(cli: Cli) -> None:
    """Its thop counts 5.06e+11 FLOPs in a forward pass over two texts, of the linear layers alone."""
    assert "505,987,203,072" in cli("flops", "-b", "2").out
    document = cli("flops", "-b", "2", "--json").json
    assert 3 * document["linear_flops"] == document["conventions"]["linear_layers"]


def test_a_budget_that_holds(cli: Cli) -> None:
    outcome = cli("flops", "--budget", "1T", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.json["budget"] == {
        "limit": 10**12,
        "value": 874_944_921_600,
        "holds": True,
        "unit": "T",
        "headroom_bytes": None,
    }
    assert cli("flops", "--budget", "874944921600").code == 0


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_a_budget_that_does_not_hold_ends_in_1_behind_the_report(cli: Cli, json: list[str]) -> None:
    outcome = cli("flops", "--budget", "874944921599", *json)
    assert outcome.code == 1
    assert "874,944,921,600 FLOPs" in outcome.err
    assert "874,944,921,599" in outcome.err
    assert outcome.json["budget"]["holds"] is False if json else "training" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--peak-tflops", "312"], "add --tokens-per-second"),
        (["--tokens-per-second", "3"], "add --peak-tflops"),
        (["--tokens-per-second", "nan", "--peak-tflops", "1"], "--tokens-per-second 'nan' is not a number above zero"),
        (["--budget", "-1T"], "--budget '-1T' is not a number above zero"),
    ],
)
def test_bad_input(cli: Cli, arguments: list[str], words: str) -> None:
    outcome = cli("flops", *arguments, "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err


@pytest.mark.parametrize("arguments", [["-b", "0"], ["-t", "0"], ["--attention", "flash"], ["--peak-tflops", "x"]])
def test_wrong_usage(cli: Cli, arguments: list[str]) -> None:
    outcome = cli("flops", *arguments)
    assert (outcome.code, outcome.out) == (2, "")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("model", [["-c", "gpt2-124m"], ["-c", "gpt3-175b", "-b", "1000000"], ["-c", "tiny"]])
def test_no_figure_is_cut(cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int, model: list[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    document = cli("flops", *model, "--json").json
    screen = cli("flops", *model, "--explain").out
    assert max(map(len, screen.splitlines())) <= width
    assert "…" not in screen
    figures = [document[f"{name}_flops"] for name in ("forward", "backward", "training", "causal_forward", "decode")]
    figures += [part["flops"] * part["times"] for part in document["parts"]]
    for figure in [*figures, *document["conventions"].values()]:
        assert f"{figure:,}" in screen


def test_blocks_are_shown_once(cli: Cli) -> None:
    screen = cli("flops").out
    assert "12 x Transformer block" in screen
    assert "1 x Transformer block" in cli("flops", "--set", "n_layers=1").out


def test_speed_and_peak_are_read_as_people_write_them(cli: Cli) -> None:
    plain = cli("flops", "--tokens-per-second", "100000", "--peak-tflops", "312").out
    assert cli("flops", "--tokens-per-second", "100k", "--peak-tflops", "312T").out == plain
    assert cli("flops", "--tokens-per-second", "100,000", "--peak-tflops", "0.312 PFLOPS").out == plain
    assert "100,000 tokens/s" in plain


def test_a_text_that_is_longer_than_the_table_of_positions_is_counted(cli: Cli) -> None:
    outcome = cli("flops", "-t", "1025", "--json")
    (note,) = outcome.json["notes"]
    assert (outcome.code, outcome.err) == (0, f"note: {note}\n")
    assert cli("flops", "-t", "1025").out == cli("flops", "-t", "1025", "--set", "name=gpt2-124m").out
