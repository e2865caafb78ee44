"""``gptcli verify``: every figure measured, a wrong one noticed."""

import pytest

from tests.conftest import Cli

FIGURES = {
    "parameters",
    "weights",
    "gradients",
    "optimizer state",
    "forward FLOPs",
    "training FLOPs",
    "step shapes",
    "peak of a forward pass",
    "peak of a training step",
    "KV cache",
    "peak of generation",
}


@pytest.mark.parametrize("options", [[], ["--quick"], ["--amp"], ["--recompute", "block", "--dtype", "bf16"]])
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
        ("gptcli.commands._verify.count_parameters", "parameters"),
        ("gptcli.commands._verify.gradients_bytes", "gradients"),
        ("gptcli.commands._verify.kv_cache_bytes", "KV cache"),
        ("gptcli.commands._verify.optimizer_bytes", "optimizer state"),
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


@pytest.mark.slow
def test_xl_training_is_verified_without_its_memory(cli: Cli) -> None:
    assert cli("verify", "-c", "gpt2-xl", "--quick", "--seq-len", "128").code == 0
