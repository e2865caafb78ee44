"""What trace does beyond the happy path: what is shown, what is written, what is refused."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from gptcli.architecture import describe
from tests.conftest import Cli, gptcli_process

TINY = ("-c", "tiny", "--device", "cpu")
TEXTS = ("Every effort moves you", "Hi")


def test_the_promised_keys_and_the_list_of_flow(cli: Cli) -> None:
    document = cli("trace", *TEXTS, *TINY, "--json").json
    forward = cli("forward", *TEXTS, *TINY, "--attention", "explicit", "--json").json
    flow = cli("flow", *TEXTS, "-c", "tiny", "--json").json
    assert set(forward) <= set(document)
    assert document["input_ids"] == forward["input_ids"]
    assert document["next_tokens"] == forward["next_tokens"]
    assert len(document["steps"]) == len(flow["steps"])
    for step, described in zip(document["steps"], flow["steps"], strict=True):
        assert {key: step[key] for key in described} == described
        assert isinstance(step["mean"], float)
        assert step["min"] <= step["mean"] <= step["max"]
    for key in ("text_tokens", "sizes", "blocks", "forward_flops", "batch_size", "seq_len"):
        assert document[key] == flow[key]


def test_saving_keeps_every_step(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    document = cli("trace", *TEXTS, *TINY, "--save", str(path), "--json").json
    saved = load_file(path)
    assert {name: list(x.shape) for name, x in saved.items()} == {
        "input_ids": [2, 4],
        "logits": [2, 4, 50257],
    } | {step["path"]: step["shape"] for step in document["steps"]}
    assert saved["input_ids"].tolist() == document["input_ids"]
    assert list(tmp_path.iterdir()) == [path]


def test_blocks_and_depth(cli: Cli) -> None:
    folded = cli("trace", "Every effort", *TINY).out
    assert "3 x Transformer block" in folded
    assert "Causal mask*" in folded
    assert "* without the -inf that the mask puts there" in folded
    one = cli("trace", "Hi", *TINY, "--block", "2", "--depth", "2").out
    assert "Transformer block 2" in one
    assert "Transformer block 1" not in one
    assert "Causal mask" not in one
    assert "-inf" not in one
    every = cli("trace", "Hi", *TINY, "--block", "all", "--depth", "1").out
    assert [line.split("  ")[0] for line in every.splitlines() if line.startswith("Transformer")] == [
        "Transformer block 0", "Transformer block 1", "Transformer block 2",
    ]  # fmt: skip
    assert "Layer norm 1" not in every


def test_a_tensor_is_printed_as_torch_prints_it(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    out = cli("trace", "Every effort", *TINY, "--tensor", "h.1.attn.mask", "--save", str(path)).out
    assert str(load_file(path)["h.1.attn.mask"]) in out
    assert "Causal mask  h.1.attn.mask  1 x 4 x 2 x 2" in out


def test_nan_in_weights_is_traced_to_its_step(cli: Cli, tmp_path: Path) -> None:
    from gptcli.config import load_config
    from gptcli.model.forward import ForwardOptions, build

    weights = build(describe(load_config("tiny", environ={}).config), ForwardOptions()).state_dict()
    weights["h.1.mlp.c_fc.bias"][5] = float("nan")
    path = tmp_path / "bad.safetensors"
    save_file({name: x.clone() for name, x in weights.items()}, path)
    options = ("-w", str(path), "--set", "n_heads=4", "--device", "cpu")
    out = cli("trace", "Every effort", *options, "--block", "1").out
    assert "NaN first appears in h.1.mlp.c_fc, Expand; what it reads, h.1.ln_2, is still finite." in " ".join(
        out.split()
    )
    document = cli("trace", "Every effort", *options, "--json").json
    assert document["first_not_finite"] == "h.1.mlp.c_fc"
    bad = [step["path"] for step in document["steps"] if step["not_finite"]]
    assert bad[:2] == ["h.1.mlp.c_fc", "h.1.mlp.act"]
    assert bad[-1] == "lm_head"
    assert all(step["mean"] is None for step in document["steps"] if step["not_finite"])


def test_maps_of_all_heads_of_all_blocks(cli: Cli) -> None:
    document = cli("trace", *TEXTS, *TINY, "--attention-map", "--block", "all", "--head", "all", "--json").json
    maps = document["attention_maps"]
    assert len(maps) == 2 * 3 * 4
    assert {len(each["weights"]) for each in maps if each["text"] == 1} == {1}
    out = cli("trace", *TEXTS, *TINY, "--attention-map", "--block", "1", "--head", "3").out
    assert out.count("Block 1, head 3, text ") == 2


@pytest.mark.parametrize(("words", "told"), [(20, ""), (90, "the first 37 of 90 tokens; --json prints all")])
def test_a_long_text_is_drawn_as_far_as_it_fits(
    cli: Cli, words: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = cli("trace", "a" + " a" * (words - 1), *TINY, "--attention-map").out
    assert max(map(len, out.splitlines())) <= 80
    assert ("tokens; --json prints all" in out) is bool(told)
    drawn = [line for line in out.splitlines() if "\u2588" in line and "up to" not in line]
    assert len(drawn) == int(told.split()[2]) if told else words


def test_a_pipe_has_the_whole_map(cli: Cli) -> None:
    out = cli("trace", "internationalization" + " a" * 99, *TINY, "--attention-map").out
    drawn = [line for line in out.splitlines() if "%" in line and line.split()[0].isdecimal()]
    assert len(drawn) == 101
    assert all(line.count("\u00b7") == 100 - row for row, line in enumerate(drawn))
    assert "--json prints all" not in out.partition("Block 0, head 0")[2]


def test_all_paths_are_listed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gptcli.model.trace.run_trace", None)
    listed = cli("trace", *TINY, "--tensor", "list").out.splitlines()
    paths = [step["path"] for step in cli("flow", "-c", "tiny", "--json").json["steps"]]
    assert [line.split()[0] for line in listed] == paths
    assert "Causal mask" in next(line for line in listed if line.startswith("h.2.attn.mask "))
    assert cli("trace", *TINY, "--tensor", "list", "--json").code == 2


REFUSED = {
    "a block that is not there": (
        ["x", "--block", "12"],
        "--block '12' is none of gpt2-124m, which has blocks 0 to 11",
    ),
    "a negative block": (["x", "--block", "-1"], "--block '-1' is none of gpt2-124m"),
    "no number": (["x", "--block", "two"], "--block 'two' is none of gpt2-124m"),
    "a head that is not there": (
        ["x", "--attention-map", "--head", "12"],
        "--head '12' is none of gpt2-124m, which has heads 0 to 11; name one of them, or all",
    ),
    "the only block": (["x", *TINY, "--set", "n_layers=1", "--block", "1"], "which has block 0 alone"),
    "a head without a map": (["x", "--head", "1"], "--head says whose map is drawn; add --attention-map"),
    "a map of what is never shown": (["x", "--attention-map", "--attention", "sdpa"], "--attention sdpa never shows"),
    "a path": (["x", "--tensor", "h.0.att.mask"], "is no step of this network (did you mean 'h.0.attn.mask'?)"),
    "no path at all": (["x", "--tensor", "zzzzzz"], "--tensor list prints them all"),
    "a fused path": (["x", "--attention", "sdpa", "--tensor", "h.0.attn.mask"], "'h.0.attn.mask' is no step"),
    "unwritable": (["x", "--save", "/nonexistent/x.safetensors"], "/nonexistent/x.safetensors: cannot be written"),
    "unwritable page": (["x", "--html", "/nonexistent/x.html"], "/nonexistent/x.html: cannot be written"),
    "a page and a map": (
        ["x", "--html", "x.html", "--attention-map"],
        "--html writes every map and the lens; leave out",
    ),
    "empty": ([""], "text 1 is empty"),
    "another command's dtype": (["x", "--dtype", "int8"], "dtype 'int8' is for weights in 'gptcli memory'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_come_before_the_run(cli: Cli, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("gptcli.model.forward.build", never)
    arguments, told = REFUSED[case]
    outcome = cli("trace", *arguments, "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert told in outcome.err


def test_a_full_disk_is_told_with_the_name_of_the_file(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.safetensors"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gptcli.model.steps_file.file_start", full)
    outcome = cli("trace", "x", *TINY, "--save", str(target))
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == f"error: {target}: cannot be written: No space left on device\n"
    assert list(tmp_path.iterdir()) == []


def test_options_of_forward_are_taken(cli: Cli) -> None:
    options = ("--loss", "--top", "2", "--dtype", "bf16", "--seed", "7", "--init", "gpt2", "--attention", "sdpa")
    document = cli("trace", "Every effort moves you", *TINY, *options, "--json").json
    forward = cli("forward", "Every effort moves you", *TINY, *options, "--json").json
    for key in ("loss", "next_tokens", "dtype", "seed", "init", "attention", "logits"):
        assert document[key] == forward[key]
    assert "Loss  " in cli("trace", "Every effort moves you", *TINY, "--loss").out


def test_a_pipe_gets_one_line_of_json() -> None:
    out = gptcli_process("trace", "Hi", *TINY, "--json").stdout
    assert out.count("\n") == 1
    assert json.loads(out)["command"] == "trace"


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_figure_is_cut(cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = cli("trace", "Hi", *TINY).out
    assert "\u2026" not in out
    assert max(map(len, out.split("Most likely")[0].splitlines()[4:])) <= width


def test_tokens_of_double_width_leave_the_columns_straight(cli: Cli) -> None:
    from rich.cells import cell_len

    out = cli("trace", "\u65e5\u672c a \u4e16\u754c " * 3, *TINY, "--attention-map").out
    rows = [line for line in out.splitlines() if "\u2588" in line and "up to" not in line]
    hidden = [row for row in rows if "\u00b7" in row]
    starts = [cell_len(row[: row.index("\u00b7")]) for row in hidden]
    steps = {after - before for before, after in pairwise(starts)}
    assert len(hidden) > 5
    assert len(steps) == 1


def test_a_page_is_named_with_its_size_below_the_table(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = ("--html", "page.html", "--save", "steps.safetensors")
    out = cli("trace", "Every effort", *TINY, *files).out
    labels = [line[:28] for line in out.split("for all steps")[0].splitlines()[:-1]]
    plain = cli("trace", "Every effort", *TINY).out
    assert labels == [line[:28] for line in plain.split("for all steps")[0].splitlines()[:-1]]
    assert len(labels) > 20
    for what, name in (("page", "page.html"), ("saved", "steps.safetensors")):
        line = next(line for line in out.splitlines() if line.startswith(what))
        kibibytes = (tmp_path / name).stat().st_size / 1024
        size = f"{kibibytes:,.2f} KiB" if kibibytes < 1024 else f"{kibibytes / 1024:,.2f} MiB"
        assert line.split() == [what, name, *size.split()]
