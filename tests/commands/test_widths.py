"""Every screen at every width: names and figures are whole; and in a pipe, which has no width, nothing is folded."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from gptcli.commands import __path__ as command_folders
from gptcli.render import console
from tests.checkpoints import peers
from tests.conftest import Cli
from tests.model.planted import plant
from tests.terminal import on_a_terminal

WIDTHS = [40, 60, 80, 120]
NAME = "my-own-model-with-quite-a-long-name-that-no-narrow-screen-has-room-for"
FILE = "a_file_with_quite_a_long_name_that_no_narrow_screen_has_room_for"
LAYERS = 12
SIZES = {"vocab_size": 50257, "context_length": 24, "emb_dim": 12, "n_heads": 2, "n_layers": LAYERS}
TEXT = "Every effort moves you"
PATHS = [f"h.{i}.attn.c_attn" for i in range(LAYERS)]
WEIGHTS = [f"trf_blocks.{i}.att.out_proj.weight" for i in range(LAYERS)]

# Name of a screen -> the command, and words that must stand in it whole. {model}, {lecture} and the like are files.
SCREENS: dict[str, tuple[str, list[str]]] = {
    "params": ("params -c {model} --depth 4", [NAME]),
    "params --conventions": ("params -c {model} --conventions", [NAME, "num_parameters(exclude_embeddings=True)"]),
    "params --why": ("params -c gpt2 --why 124M", ["124,439,808"]),
    "params --explain": ("params -c {model} --explain", [NAME, "h.{{i}}.attn.c_attn.weight"]),
    "memory": ("memory -c gpt3-175b --mode training --explain", ["698,417,037,312", "Optimizer"]),
    "flops": ("flops -c gpt3-175b --explain", ["torch.utils.flop_counter,"]),
    "fit": ("fit -c {model} --budget 24GiB", [NAME, "T = 1,024"]),
    "compare": ("compare {model} gpt2 gpt2-medium gpt2-large gpt2-xl", [NAME, "gpt2-medium", "gpt2-large", "gpt2-xl"]),
    "flow": ("flow {text} -c {model}", [NAME, "\u2423effort"]),
    "flow --depth 3": ("flow -c gpt3-175b --depth 3", ["Positional"]),
    "trace": ("trace {text} -c {small}", [NAME]),
    "trace --block": ("trace {text} Hi -c {small} --block all --depth 2", [NAME]),
    "trace --tensor": ("trace {text} -c {small} --tensor h.1.attn.mask", ["h.1.attn.mask"]),
    "trace --tensor list": ("trace -c {small} --tensor list", ["h.1.attn.softmax", "h.0.mlp.c_proj"]),
    "trace --logit-lens": ("trace {text} -c {small} --logit-lens", [NAME]),
    "trace --attention-map": ("trace {text} -c {small} --attention-map", [NAME, "h.0.attn.softmax"]),
    "forward": ("forward {text} --weights {lecture} --set n_heads=2 --loss --save {saved}", [FILE + "_of_a_run"]),
    "generate": ("generate {text} -c {small} -n 2", []),
    "tokenize": ("tokenize {hard}", ["establishment"]),
    "checkpoint": ("checkpoint {lecture}", [FILE + ".pth"]),
    "checkpoint --stats": ("checkpoint {lecture} --stats --set n_heads=2", [FILE + ".pth", *WEIGHTS]),
    "checkpoint --against": (
        "checkpoint {lecture} --set n_heads=2 --against {other}",
        [FILE + ".pth", FILE + "_of_another.pth"],
    ),
    "checkpoint convert": (
        "checkpoint convert {lecture} {converted} --to lecture --set n_heads=2",
        [FILE + ".pth", FILE + "_converted.pt"],
    ),
    "config list": ("config list", ["gpt2-medium", "gpt3-175b"]),
    "config show": ("config show {model}", [f"{FILE}.yaml:1"]),
    "config validate": ("config validate {model}", [f"{FILE}.yaml", NAME]),
    "verify": ("verify --quick -c {small} -t 4", [NAME]),
    "check": ("check {planted} -c {small}", [FILE + ".py:GPTModel", "trf_blocks.0.att", "h.0.attn.softmax"]),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("widths")
    config = f"name: {NAME}\nemb_dim: {{}}\nn_heads: 12\nn_layers: {{}}\ncontext_length: 1024\ndrop_rate: 0.1\n"
    config += "vocab_size: 50257\nqkv_bias: false\n"
    made = {
        "model": folder / f"{FILE}.yaml",
        "small": folder / f"{FILE}_small.yaml",
        "lecture": folder / f"{FILE}.pth",
        "other": folder / f"{FILE}_of_another.pth",
        "planted": folder / f"{FILE}.py",
    }
    made["model"].write_text(config.format(768, 12))
    made["small"].write_text(config.format(12, 2))
    network: Any = peers.lecture(SIZES)
    torch.save(network.state_dict(), made["lecture"])
    peers.shake(network, seed=1)
    torch.save(network.state_dict(), made["other"])
    made["planted"] = Path(plant(folder, "lecture", "no-mask").partition(":")[0]).rename(made["planted"])
    words = {name: str(path) for name, path in made.items()}
    words["planted"] += ":GPTModel"
    words |= {"saved": str(folder / f"{FILE}_of_a_run.safetensors"), "converted": str(folder / f"{FILE}_converted.pt")}
    return words


def command(screen: str, files: dict[str, str]) -> list[str]:
    words = files | {"text": TEXT, "hard": "antidisestablishmentarianism" + " " * 64 + "= 1"}
    Path(files["converted"]).unlink(missing_ok=True)
    return [word.format(**words) for word in SCREENS[screen][0].split()]


def names(screen: str) -> list[str]:
    return [name.replace("{{", "{").replace("}}", "}") for name in SCREENS[screen][1]]


def test_every_command_has_its_screens() -> None:
    commands = {path.stem for path in Path(next(iter(command_folders))).glob("[a-z]*.py")}
    assert {screen.split()[0] for screen in SCREENS} == commands


# What verify prints takes seconds to measure, and its narrowest screen tells enough.
CASES = [(screen, width) for screen in SCREENS for width in WIDTHS if screen != "verify" or width == min(WIDTHS)]


@pytest.mark.parametrize(("screen", "width"), CASES)
def test_no_name_is_broken_and_nothing_is_cut(
    cli: Cli, screen: str, width: int, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    outcome = cli(*command(screen, files))
    assert outcome.code == (screen == "check"), outcome.err
    lines = [line.rstrip() for line in (outcome.out + outcome.err).splitlines()]
    assert all(any(name in line for line in lines) for name in names(screen))
    assert not any("\u2026" in line for line in lines)  # the sign of what Rich has cut
    for line in lines:
        if len(line) > width and screen not in LONGER:
            assert _is_one_word(line) or (screen in WIDE_TABLES and _is_of_a_table(line)), line


# What a program reads line by line is not broken; a tensor is as torch prints it.
LONGER = {"trace --tensor", "trace --tensor list", "generate"}


def _is_one_word(line: str) -> bool:
    """Return whether a line holds a word that leaves no room beside it, say the path of a file."""
    return max(map(len, line.split())) > 24


# At 40 columns these have tables whose figures have no room beside each other.
WIDE_TABLES = {"flops", "compare", "trace --block", "forward"}


def _is_of_a_table(line: str) -> bool:
    """Return whether a line is a row of a table, or a rule above or below one."""
    return set(line) == {"\u2500"} or len(line.split("  ")) >= 3


@pytest.mark.parametrize("screen", SCREENS)
def test_a_pipe_has_no_width(cli: Cli, screen: str, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    out = cli(*command(screen, files)).out
    assert all(name in out for name in names(screen))
    monkeypatch.setattr(console, "MAX_WIDTH", 5000)
    monkeypatch.setenv("COLUMNS", "5000")
    assert _without_times(cli(*command(screen, files)).out) == _without_times(out), "as on a screen that is wide enough"


def _without_times(text: str) -> str:
    return re.sub(r" *[\d.]+ (?:\u00b5s|ms|s|tokens/s)\b", " #", text)


def test_a_program_finds_each_weight_in_a_line(cli: Cli, files: dict[str, str]) -> None:
    out = cli("checkpoint", files["lecture"], "--set", "n_heads=2", "--stats").out
    found = [line for line in out.splitlines() if "out_proj.weight" in line]
    assert len(found) == LAYERS
    assert all(len(line.split()) == 8 for line in found)  # the name, 12 x 12, four figures


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("command_", [["flow"], ["trace", TEXT]], ids=["flow", "trace"])
@pytest.mark.parametrize("width", [30, 40, 50])
def test_labels_of_a_tree_never_wrap_to_the_margin(
    cli: Cli, command_: list[str], depth: int, width: int, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = cli(*command_, "-c", files["small"], "--depth", str(depth)).out
    rows = out.partition("\u2500\n")[2].partition("\n\n")[0].splitlines()
    firsts = ("Token", "Positional", "Dropout", "2 x", "Final", "Output")
    outside = [row for row in rows if not row.startswith((" ", "\u2502", "\u256d", "\u2570", "\u250c", "\u2514"))]
    assert len(rows) > 5
    assert all(row.startswith(firsts) for row in outside)
    assert len(outside) <= 7


@pytest.mark.parametrize("command_", [["flow"], ["trace", TEXT]], ids=["flow", "trace"])
@pytest.mark.parametrize(("width", "shown"), [(99, False), (100, True), (160, True)])
def test_paths_of_steps_are_shown_from_100_columns_on(
    cli: Cli, command_: list[str], width: int, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = cli(*command_, "-c", "tiny", "--depth", "3").out
    block = "0" if command_[0] == "trace" else "{i}"
    assert all((f" h.{block}.{path}" in out) is shown for path in ("ln_1", "attn.softmax", "mlp.c_fc", "add_2"))


def test_four_models_stand_side_by_side_at_80_columns(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    models = ["gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"]
    lines = cli("compare", *models, "-t", "512").out.splitlines()
    assert lines[0].split() == models
    assert max(map(len, lines)) <= 80
    more = cli("compare", *models, "gpt3-175b", "tiny").out
    heads = [line.split() for line in more.splitlines() if set(line.split()) & set(models) or "tiny" in line]
    assert [name for head in heads for name in head] == [*models, "gpt3-175b", "tiny"]
    assert max(map(len, more.splitlines())) <= 80


@pytest.mark.parametrize("width", [40, 100])
@pytest.mark.parametrize("screen", ["params", "config list", "compare", "checkpoint --stats"])
def test_a_terminal_is_as_wide_as_it_says(screen: str, width: int, files: dict[str, str], cli: Cli) -> None:
    screened = on_a_terminal(*command(screen, files), columns=width, environment={"NO_COLOR": "1"}).splitlines()
    assert all(any(name in line for line in screened) for name in names(screen))
