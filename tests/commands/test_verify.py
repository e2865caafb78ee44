"""``gptcli verify``: every figure measured, a wrong one noticed."""

import shlex
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
import torch

from tests.conftest import Cli

FIGURES = {
    "witness: parameters",
    "witness: weights",
    "witness: logits",
    "witness: steps' logits",
    "parameters",
    "weights",
    "gradients",
    "optimizer state",
    "forward FLOPs",
    "training FLOPs",
    "step shapes",
    "peak of a forward pass",
    "peak of a training step",
    "peak of its forward",
    "peak of its loss",
    "peak of its backward",
    "peak of its optimizer step",
    "KV cache",
    "peak of generation",
}


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--quick"],
        ["--amp"],
        ["--recompute", "block", "--dtype", "bf16"],
        ["--quick", "--lora", "4", "--accumulate", "2"],
    ],
)
def test_every_figure_holds_without_an_error(cli: Cli, options: list[str]) -> None:
    outcome = cli("verify", "-c", "tiny", "--seq-len", "32", "--batch-size", "2", "--device", "cpu", *options, "--json")
    assert outcome.code == 0, outcome.err
    document = outcome.json
    assert document["ok"] is True
    assert {check["name"] for check in document["checks"]} == FIGURES
    for check in document["checks"]:
        assert set(check) >= {"name", "estimated", "measured", "error", "tolerance", "ok"}
        assert (check["error"], check["tolerance"]) == (0, 0)
        assert check["estimated"] == check["measured"] > 0


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("gptcli.api.figures.count_parameters", "parameters"),
        ("gptcli.api.figures.gradients_bytes", "gradients"),
        ("gptcli.api.figures.kv_cache_bytes", "KV cache"),
        ("gptcli.api.figures.optimizer_bytes", "optimizer state"),
    ],
)
def test_an_estimate_that_is_off_by_one_fails(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, target: str, name: str
) -> None:
    module, _, function = target.rpartition(".")
    import importlib

    right = getattr(importlib.import_module(module), function)
    monkeypatch.setattr(target, lambda *a, **k: right(*a, **k) + 1)
    outcome = cli("verify", "-c", "tiny", "--seq-len", "8", "--quick")
    assert outcome.code == 1
    assert name in outcome.out.splitlines()[-2] or f"Off: {name}" in outcome.out


def test_a_machine_without_the_memory_is_told_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gptcli.model.device.free_bytes", lambda _device: 2**20)
    outcome = cli("verify", "-c", "tiny", "--device", "cpu")
    assert (outcome.code, outcome.out) == (1, "")
    assert "1.00 MiB are free on cpu; use --quick" in outcome.err


TYPED = [
    *("--set", "drop_rate=0.2", "--set", "qkv_bias=true", "--tied", "--quick", "--device", "cpu", "--dtype", "bf16"),
    *("--batch-size", "2", "--seq-len", "8", "--attention", "explicit", "--optimizer", "sgd", "--recompute", "block"),
    *("--accumulate", "2", "--lora", "4"),
]


def test_all_that_it_ran_with_is_stored(cli: Cli) -> None:
    options = cli("verify", "-c", "tiny", *TYPED, "--json").json["options"]
    assert options.pop("torch").startswith("2.")
    assert options.pop("threads") >= 1
    assert options == {
        "config": "tiny",
        "set_values": ["drop_rate=0.2", "qkv_bias=true"],
        "tied": True,
        "weights": None,
        "quick": True,
        "device": "cpu",
        "dtype": "bf16",
        "batch_size": 2,
        "seq_len": 8,
        "attention": "explicit",
        "amp": False,
        "optimizer": "sgd",
        "optimizer_impl": "for-loop",
        "optimizer_impl_asked": "auto",
        "recompute": "block",
        "free_logits": False,
        "accumulate": 2,
        "lora": 4,
        "lora_targets": None,
        "witness": "plain",
        "force": False,
        "drop_rate": 0.2,
    }


def test_every_option_of_the_command_is_stored(cli: Cli) -> None:
    """An option that is added later is stored by itself."""
    from gptcli.commands.verify import verify

    document = cli("verify", "-c", "tiny", "--quick", "--seq-len", "8", "--json").json
    assert set(signature(verify).parameters) - {"context", "json"} <= set(document["options"])


def test_what_it_ran_with_is_printed_as_it_is_typed(cli: Cli) -> None:
    outcome = cli("verify", "-c", "tiny", *TYPED)
    assert outcome.code == 0, outcome.err
    said = " ".join(outcome.out.split())
    typed, _, rest = said.partition("Options: ")[2].partition(";")
    assert cli("verify", *shlex.split(typed), "--json").code == 0
    assert all(word in shlex.split(typed) for word in TYPED)
    assert "dropout 0.2, " in rest
    assert "torch 2." in rest


def test_a_checkpoint_brings_its_own_config(cli: Cli, tmp_path: Path) -> None:
    """``--config`` beside ``--weights`` would be another run: it is not printed where it was not typed."""
    from safetensors.torch import save_file

    from gptcli.architecture import describe
    from gptcli.config import load_config
    from gptcli.model.gpt import GPT

    model = GPT(describe(load_config("tiny", set_values=["vocab_size=50257", "n_layers=1"], environ={}).config))
    stored = tmp_path / "model.safetensors"
    save_file({name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}, stored)
    outcome = cli("verify", "--weights", str(stored), "--quick", "--seq-len", "8", "--json")
    assert outcome.code == 0, outcome.err
    assert (outcome.json["options"]["config"], outcome.json["options"]["weights"]) == (None, str(stored))
    said = " ".join(cli("verify", "--weights", str(stored), "--quick", "--seq-len", "8").out.split())
    typed = said.partition("Options: ")[2].partition(";")[0]
    assert "--config" not in typed
    assert "--weights" in typed


def test_a_witness_that_cannot_stand_is_refused_before_torch_is_loaded() -> None:
    asked = ["verify", "-c", "tiny", "--quick", "--witness", "transformers"]
    code = f"import sys; from gptcli.cli import run; print(run({asked}), 'torch' in sys.modules)"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert outcome.stdout == "2 False\n"
    assert "tiny has qkv_bias=false; use --witness plain" in outcome.stderr


def test_it_says_which_witness_stood(cli: Cli) -> None:
    outcome = cli("verify", "-c", "tiny", "--quick", "--seq-len", "8")
    said = " ".join(outcome.out.split())
    assert "Witness: a plain network that shares nothing with the description (gptcli/model/witness/plain.py)." in said
    assert "at 2 layers, 3 heads, 24 wide, 2 x 11 tokens of 61" in said
    document = cli("verify", "-c", "tiny", "--quick", "--seq-len", "8", "--json").json
    assert document["witness"]["name"] == "plain"
    assert document["witness"]["logits_shape"] == [2, 11, 61]


def test_a_network_of_another_width_is_not_verified(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides of every other figure come from one description; only the witness knows what GPT-2 is."""
    monkeypatch.setattr("gptcli.architecture.plan._FEED_FORWARD_FACTOR", 3)
    for quick in ([], ["--quick"]):
        document = cli("verify", "-c", "tiny", "--device", "cpu", "--seq-len", "8", "--json", *quick).json
        off = {check["name"] for check in document["checks"] if not check["ok"]}
        assert off == {name for name in FIGURES if name.startswith("witness")}
        assert document["ok"] is False


@pytest.mark.slow
def test_xl_training_is_verified_without_its_memory(cli: Cli) -> None:
    assert cli("verify", "-c", "gpt2-xl", "--quick", "--seq-len", "128").code == 0


def test_the_output_names_the_instrument(cli: Cli) -> None:
    run = ("verify", "-c", "tiny", "--seq-len", "8", "--device", "cpu")
    for options, instrument, words in (
        ((), "profiler", "Peaks by torch's profiler, which records every allocation."),
        (("--quick",), "tracker", "Peaks by a tracker of storages, as fake tensors allocate nothing;"),
    ):
        assert cli(*run, *options, "--json").json["instrument"] == instrument
        assert words in " ".join(cli(*run, *options).out.split())


def test_letting_the_logits_go_is_verified_too(cli: Cli) -> None:
    outcome = cli("verify", "-c", "tiny", "--seq-len", "16", "--free-logits", "--quick", "--json")
    assert outcome.code == 0
    assert all(check["error"] == 0 for check in outcome.json["checks"])


def test_how_tokens_choose_experts_is_said(cli: Cli) -> None:
    experts = (
        *("--set", "n_layers=1", "--set", "num_experts=4", "--set", "num_experts_per_tok=2"),
        *("--set", "moe_hidden_dim=16", "--set", "expert_pattern=E", "--set", "vocab_size=97"),
    )
    asked = ("verify", "--quick", "-c", "tiny", "-t", "8", "--tied", *experts)
    assert cli(*asked, "--json").json["routing"] == "balanced"
    for command in ("memory", "flops"):
        assert "Routing is taken as balanced" in cli(command, "-c", "tiny", "-t", "8", *experts).out
        assert cli(command, "-c", "tiny", "-t", "8", "--json").json["routing"] is None


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (["n_layers=1000000"], "1,000,000 layers, and --quick builds the modules of each"),
        ([f"{key}=16777216" for key in ("vocab_size", "emb_dim", "n_heads", "context_length")], "torch can count"),
    ],
)
def test_what_cannot_be_built_is_refused_before_it_is(cli: Cli, sizes: list[str], words: str) -> None:
    outcome = cli("verify", "--quick", "-c", "tiny", *(word for size in sizes for word in ("--set", size)))
    assert (outcome.code, outcome.out) == (1, "")
    assert words in outcome.err
