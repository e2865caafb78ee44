"""Every command that takes an option understands the same spellings of its values."""

from typing import Any

import pytest
import typer

from gptcli.cli import app
from tests.conftest import Cli

# Option -> what people write, and what each command must take it for.
SPELLINGS = {
    "--dtype": {"float32": "fp32", "torch.bfloat16": "bf16", "Half": "fp16"},
    "--device": {"GPU": "cuda", "cuda:0": "cuda", "CPU": "cpu"},
    "--optimizer": {"AdamW": "adamw", "torch.optim.SGD": "sgd", "sgd_momentum": "sgd-momentum"},
}


def _options() -> dict[str, list[tuple[str, Any]]]:
    """Return for each option the commands that have it, with their parameter."""
    group: Any = typer.main.get_command(app)
    found: dict[str, list[tuple[str, Any]]] = {option: [] for option in SPELLINGS}
    for name in group.list_commands(None):
        for param in group.get_command(None, name).params:
            for option in set(SPELLINGS) & set(param.opts):
                found[option].append((name, param))
    return found


@pytest.mark.parametrize("option", SPELLINGS)
def test_each_command_reads_the_usual_spellings(option: str) -> None:
    commands = _options()[option]
    assert len(commands) >= 3
    for name, param in commands:
        for spelled, meant in SPELLINGS[option].items():
            assert param.type(spelled) == meant, f"{name} {option} {spelled}"


def test_output_shows_the_canonical_names(cli: Cli) -> None:
    arguments = (
        "-c",
        "GPT2-XL",
        "--dtype",
        "bfloat16",
        "--device",
        "gpu",
        "--mode",
        "training",
        "--optimizer",
        "AdamW",
    )
    document = cli("memory", *arguments, "--json").json
    assert (document["config"]["name"], document["dtype"], document["device"]) == ("gpt2-xl", "bf16", "cuda")
    assert document["optimizer"] == "adamw"
    models = cli("compare", "gpt2-small", "openai-community/gpt2-xl", "--json").json["models"]
    assert [model["name"] for model in models] == ["gpt2", "gpt2-xl"]


@pytest.mark.parametrize(
    "command", [("memory",), ("fit", "--budget", "1GiB"), ("compare", "gpt2", "tiny"), ("forward", "x")]
)
def test_mps_is_refused_before_any_work(cli: Cli, command: tuple[str, ...]) -> None:
    outcome = cli(*command, "--device", "mps")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: --device mps: not supported: ")
    assert outcome.err.endswith("; use --device cpu\n")


def test_auto_is_the_card_that_there_is(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for here in ("cpu", "cuda"):
        monkeypatch.setattr("gptcli.model.device.resolve_device", lambda _name, here=here: here)
        assert cli("memory", "-c", "tiny", "--device", "auto", "--json").json["device"] == here
