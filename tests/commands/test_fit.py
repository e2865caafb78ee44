"""``gptcli fit`` from the outside."""

import re
from math import lcm
from typing import Any

import pytest

from gptcli.render.units import BYTE_SCALES
from tests.conftest import Cli

_HEADROOM = 512 * 2**20


def _fit(cli: Cli, *arguments: str) -> Any:
    return cli("fit", *arguments, "--json").json


@pytest.mark.parametrize("variable", ["batch", "seq", "layers", "width"])
@pytest.mark.parametrize("mode", ["inference", "training"])
def test_the_answer_is_the_largest_that_the_ledger_holds(cli: Cli, variable: str, mode: str) -> None:
    document = _fit(cli, "--budget", "8GiB", "--solve", variable, "--mode", mode)
    answer, following = document["answer"], document["next_value"]
    key = {"batch": "", "seq": "context_length", "layers": "n_layers", "width": "emb_dim"}[variable]

    def peak(value: int) -> int:
        sizes = ["--set", f"{key}={value}"] if key else ["--batch-size", str(value)]
        sizes += ["--set", f"n_heads={value // 64}"] if variable == "width" else []
        peak_bytes: int = cli("memory", "--mode", mode, *sizes, "--json").json["peak_bytes"]
        return peak_bytes

    available = 8 * 2**30 - _HEADROOM
    assert peak(answer) == document["peak_bytes"] <= available < peak(following) == document["next_peak_bytes"]
    assert document["headroom_bytes"] == _HEADROOM
    assert all(cell["fits"] is (cell["peak_bytes"] <= available) for cell in document["table"])


def test_headroom_is_taken_off_the_budget(cli: Cli) -> None:
    full = _fit(cli, "--budget", "8GiB", "--headroom", "0")
    less = _fit(cli, "--budget", "8.5GiB", "--headroom", "512MiB")
    assert (full["answer"], full["table"]) == (less["answer"], less["table"])
    card = _fit(cli, "--budget", "8GiB", "--device", "cuda")
    assert card["headroom_bytes"] == 0
    assert "0.50 GiB stay free for Python and torch themselves (--headroom)" in cli("fit", "--budget", "8GiB").out
    assert "No headroom: the card's context" in cli("fit", "--budget", "8GiB", "--device", "cuda").out
    assert "No headroom: Python, torch" in cli("fit", "--budget", "8GiB", "--headroom", "0").out


# arguments -> from one width to the next, width of a head where it is kept, heads where they are.
WIDTHS = {
    "GPT-2's heads are 64 wide": (["--budget", "24GiB"], 64, 64, None),
    "GPT-3's 128": (["--budget", "1TB", "-c", "gpt3-175b"], 128, 128, None),
    "narrow heads": (["--budget", "8GiB", "-c", "tiny"], 64, 16, None),
    "finer": (["--budget", "8GiB", "-c", "tiny", "--multiple-of", "1"], 16, 16, None),
    "coarser": (["--budget", "24GiB", "--multiple-of", "256"], 256, 64, None),
    "heads that do not divide it": (["--budget", "24GiB", "--multiple-of", "100"], 1600, 64, None),
    "heads fixed": (["--budget", "24GiB", "--set", "n_heads=12"], 192, None, 12),
    "other heads fixed": (["--budget", "24GiB", "--set", "n_heads=8"], 64, None, 8),
    "heads fixed, finest": (["--budget", "24GiB", "--set", "n_heads=12", "--multiple-of", "1"], 12, None, 12),
}


@pytest.mark.parametrize("case", WIDTHS)
def test_widths_go_in_steps_and_heads_stay_whole(cli: Cli, case: str) -> None:
    arguments, step, head_width, heads = WIDTHS[case]
    document = _fit(cli, "--solve", "width", *arguments)
    width, config = document["answer"], document["config"]
    assert (document["step"], document["next_value"] - width, width % step) == (step, step, 0)
    assert config["emb_dim"] == width
    assert config["n_heads"] == (heads or width // head_width)


def test_a_variable_fixes_the_heads_too(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTCLI_N_HEADS", "8")
    assert _fit(cli, "--budget", "8GiB", "--solve", "width")["config"]["n_heads"] == 8


def test_heads_that_follow_are_said(cli: Cli) -> None:
    said = cli("fit", "--budget", "24GiB", "--solve", "width").out
    width, heads = re.search(r"(\d+) heads, (\d+) wide", said).groups()[::-1]  # type: ignore[union-attr]
    assert int(width) == 64 * int(heads)
    assert f"{heads} heads of 64. " in said
    assert ", in steps of 64." in said


@pytest.mark.parametrize(("variable", "most"), [("batch", 2**40), ("seq", 2**24), ("layers", 2**24), ("width", 2**24)])
def test_a_search_that_stops_at_its_cap_says_so(cli: Cli, variable: str, most: int) -> None:
    asked = ("--budget", "9999999999PB", "--solve", variable, "-c", "tiny")
    document = _fit(cli, *asked)
    assert (document["answer"], document["capped"], document["next_value"]) == (most, True, None)
    told = f"The search ends there: {most:,} is the largest value that is tried, and more may fit."
    assert told in " ".join(cli("fit", *asked).out.split())
    assert _fit(cli, "--budget", "8GiB", "--solve", variable, "-c", "tiny")["capped"] is False


@pytest.mark.parametrize(
    ("budget", "unit", "cell"),
    [("24GiB", "GiB", "4.99"), ("24GB", "GB", "5.36"), ("24000MiB", "MiB", "5,107.98"), ("0.02TiB", "TiB", "0.00487")],
)
def test_sizes_are_in_the_unit_that_was_asked(cli: Cli, budget: str, unit: str, cell: str) -> None:
    said = cli("fit", "--budget", budget).out
    assert re.search(rf"fit into [\d,.]+ {unit}: training in fp32 peaks at [\d,.]+ {unit}\n", said)
    assert re.search(rf"would take [\d,.]+ {unit}\.", said)
    assert f"Peaks in {unit}: " in said
    assert re.search(rf"^ +1 .* {re.escape(cell)} \+$", said, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--budget", "8GiB", "--solve", "seq", "-c", "tiny"],
        ["--budget", "1000PB", "-c", "tiny"],
        ["--budget", "1TiB", "-c", "tiny"],
        ["--budget", "8GiB", "--headroom", "0", "--solve", "seq", "-c", "tiny"],
    ],
)
def test_what_fits_and_what_does_not_look_different(cli: Cli, arguments: list[str]) -> None:
    said, document = cli("fit", *arguments).out, _fit(cli, *arguments)
    fits, not_so = (
        float(re.search(rf"{words} ([\d,.]+) ", said)[1].replace(",", ""))  # type: ignore[index]
        for words in ("peaks at", "would take")
    )
    scale = BYTE_SCALES[document["unit"]]
    available = (document["budget_bytes"] - document["headroom_bytes"]) / scale
    assert fits < available < not_so


def test_bytes_are_exact_and_a_narrow_screen_has_the_lengths_in_groups(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for columns, groups in (("100", 1), ("80", 2), ("60", 3), ("40", 5)):
        monkeypatch.setenv("COLUMNS", columns)
        said = cli("fit", "--budget", "24000000000B").out
        assert "5,356,106,284 +" in said
        assert len(re.findall(r"T = ", said)) == 5
        assert said.count("Batch ") == groups
        assert max(map(len, said.splitlines())) <= int(columns)


def test_what_runs_is_said(cli: Cli) -> None:
    plain, amp = (cli("fit", "--budget", "24GiB", *more).out for more in ((), ("--amp", "--recompute", "block")))
    assert "training in fp32 peaks at" in plain
    assert "training with --amp peaks at" in amp
    facts = "30 x 1024 tokens, autocast to bf16, adamw (for-loop), blocks recomputed, fused attention on cpu"
    assert facts in " ".join(amp.split())
    document = _fit(cli, "--budget", "24GiB", "--amp", "--solve", "layers", "-b", "2", "-t", "8")
    assert (document["amp"], document["activation_dtype"]) == (True, "bf16")
    assert (document["batch_size"], document["seq_len"]) == (2, 8)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--solve", "batch"], "1 text at once needs"),
        (["--solve", "width"], "a width of 64 needs"),
        (["--multiple-of", "8"], "8 texts at once need "),
    ],
)
def test_where_nothing_fits_a_budget_that_holds_is_named(cli: Cli, arguments: list[str], told: str) -> None:
    outcome = cli("fit", "--budget", "1MiB", *arguments, "--json")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"error: nothing fits into 1 MiB: {told}")
    assert "and 512.00 MiB stay free as headroom; use --budget" in outcome.err
    enough = re.search(r"use --budget (\S+) or more\n$", outcome.err)
    assert enough is not None
    assert enough[1].endswith("MiB")
    assert cli("fit", "--budget", enough[1], *arguments).code == 0


@pytest.mark.parametrize(("multiple", "heads"), [("100", 4), ("97", 1), ("180", 6), ("36", 6)])
def test_a_step_that_heads_make_coarser_is_said_with_a_way_out(cli: Cli, multiple: str, heads: int) -> None:
    asked = ("fit", "--solve", "width", "--multiple-of", multiple, "--budget", "3GiB")
    outcome = cli(*asked)
    width = lcm(int(multiple), 64)
    assert outcome.code == 1
    assert f"a width of {width:,}, the first multiple of {int(multiple):,} that splits into heads of 64" in outcome.err
    assert f"or more, or --set n_heads={heads} to split any width" in outcome.err
    found = cli(*asked, "--set", f"n_heads={heads}", "--json").json
    assert (found["step"], found["config"]["n_heads"]) == (int(multiple), heads)


def test_heads_that_would_not_fit_either_are_no_way_out(cli: Cli) -> None:
    said = cli("fit", "--solve", "width", "--multiple-of", "100", "--budget", "1MiB").err
    assert "splits into heads of 64, needs" in said
    assert said.endswith(" or more\n")


def test_fixed_heads_make_a_step_coarser_too(cli: Cli) -> None:
    fixed = ("fit", "--solve", "width", "--set", "n_heads=12")
    assert (
        "a width of 192, the first multiple of 64 that splits into 12 heads, needs"
        in cli(*fixed, "--budget", "1MiB").err
    )
    assert ", in steps of 192: multiples of 64 that split into such heads." in cli(*fixed, "--budget", "24GiB").out


BAD = {
    "the batch is solved for": (["-b", "8"], "--solve batch looks for what --batch-size says; leave one of them out"),
    "the length is": (["--solve", "seq", "-t", "8"], "--solve seq looks for what --seq-len says"),
    "the context length": (["--solve", "seq", "--set", "context_length=8"], "what --set context_length=8 says"),
    "the layers": (["--solve", "layers", "--set", "n_layers=8"], "what --set n_layers=8 says"),
    "no such width": (["--solve", "width", "--multiple-of", str(2**24 + 1)], "use --multiple-of 1"),
    "no such batch": (["--multiple-of", str(2**40 + 1)], "lower it"),
    "bare budget": (["--budget", "24"], "24GiB"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_names_the_way_out(cli: Cli, case: str) -> None:
    arguments, told = BAD[case]
    outcome = cli("fit", "--budget", "24GiB", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err


def test_formats_of_weights_and_cache_change_the_answer(cli: Cli) -> None:
    run = ("fit", "-c", "gpt2", "--budget", "2GiB", "--mode", "generate", "--json")
    plain, small = cli(*run, "--dtype", "bf16").json, cli(*run, "--dtype", "q4_k_m", "--kv-dtype", "int4").json
    assert (small["dtype"], small["activation_dtype"], small["kv_dtype"]) == ("q4_k_m", "bf16", "int4")
    assert plain["kv_dtype"] == "bf16"
    assert small["answer"] > plain["answer"]
    assert cli(*run, "--mode", "inference", "--kv-dtype", "int4").code == 2
