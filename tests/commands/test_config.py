"""``gptcli config``: what it shows reads back, and where it takes the config from."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptcli.config import KEYS, load_config
from gptcli.config.yaml_reader import read_yaml_mapping
from gptcli.render.config import _yaml
from tests.conftest import Cli

NAMES = ["true", "null", "~", "124", "1e5", "yes", "on", "0x1F", ".5", "a: b", "a #b", "'", '"', "-", "模型", "x" * 80]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("columns", ["20", "80"])
def test_what_show_prints_reads_back(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    source = tmp_path / f"{'long name ' * 12}.yaml"
    sizes = "vocab_size: 9\ncontext_length: 8\nemb_dim: 8\nn_heads: 2\nn_layers: 1\nnorm_eps: 1e-6\n"
    source.write_text(f"name: {_yaml(name)}\n{sizes}")
    shown = cli("config", "show", str(source), "--all").out
    again = tmp_path / "again.yaml"
    again.write_text(shown)
    comments = [line for line in shown.splitlines() if line.startswith("  # ")]
    assert len(comments) == len(KEYS), "each below its value, and neither is broken"
    assert len(shown.splitlines()) == 2 * len(KEYS)
    assert load_config(str(again), environ={}).config == load_config(str(source), environ={}).config


@settings(max_examples=300, deadline=None)
@given(st.text(min_size=1, max_size=80).filter(str.isprintable))
def test_any_name_reads_back(name: str) -> None:
    entries, problems = read_yaml_mapping(f"name: {_yaml(name)}  # x".encode(), "x.yaml")
    assert problems == []
    assert entries["name"].value == name


def test_origins_stay_in_their_comment(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "a\nn_layers: 99 \x1b[31m.yaml"
    file.write_text(cli("config", "show", "tiny").out)
    shown = cli("config", "show", str(file), "--all").out
    assert len(shown.splitlines()) == len(KEYS)
    assert "\\nn_layers: 99 \\x1b[31m.yaml:1" in shown
    assert "\x1b" not in cli("config", "validate", str(file)).out


def test_origins_stand_below_where_the_screen_is_narrow(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = cli("config", "show", "tiny", "--all").out
    monkeypatch.setenv("COLUMNS", "40")
    narrow = cli("config", "show", "tiny", "--all").out
    assert "\ncontext_length: 256\n  # preset tiny, line 4\n" in narrow
    assert max(map(len, narrow.splitlines())) <= 40
    for number, text in enumerate((wide, narrow)):
        (tmp_path / f"{number}.yaml").write_text(text)
    shown = [cli("config", "show", str(tmp_path / f"{number}.yaml"), "--json").json["config"] for number in range(2)]
    assert shown[0] == shown[1]


def test_show_takes_the_config_as_other_commands_do(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def name_of(*arguments: str) -> str:
        return str(cli("config", "show", *arguments, "--json").json["config"]["name"])

    assert (name_of(), name_of("tiny"), name_of("-c", "tiny")) == ("gpt2-124m", "tiny", "tiny")
    monkeypatch.setenv("GPTCLI_CONFIG", "gpt2-xl")
    assert (name_of(), name_of("tiny"), name_of("--config", "tiny")) == ("gpt2-xl", "tiny", "tiny")
    both = cli("config", "show", "tiny", "-c", "tiny")
    assert (both.code, both.out) == (2, "")
    assert "given twice" in both.err


def test_paths_of_any_bytes(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "\udcff.yaml"
    file.write_text("vocab_size: 9\ncontext_length: 8\nemb_dim: 8\nn_heads: 2\nn_layers: 1\n")
    assert cli("config", "validate", str(file), "--json").json["files"][0]["path"].endswith("/\\udcff.yaml")
    assert cli("config", "show", str(file), "--json").json["sources"]["n_heads"].endswith("/\\udcff.yaml:4")
    assert "unnamed" in cli("params", "-c", str(file)).out


@pytest.mark.parametrize(("arguments", "told"), [
    (["config", "validate", "-", "-"], "standard input can be read only once"),
    (["params", "-c", ""], "--config is empty"),
    (["params", "--set", "init=\udcff"], "--set init=\\udcff: init must be torch or gpt2"),
    (["params", "--set", "\udcff=1"], "--set \\udcff=1: unknown key"),
    (["params", "-c", "\udcff"], "\\udcff: no such preset or file"),
    (["params", "--set", "name=a\u202eb"], "(contains U+202E)"),
])  # fmt: skip
def test_refusals(cli: Cli, arguments: list[str], told: str) -> None:
    outcome = cli(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert told in outcome.err
