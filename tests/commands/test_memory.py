"""``gptcli memory``, ``fit`` and ``compare`` from the outside."""

import pytest

from tests.conftest import Cli


def test_the_ledger_adds_up_to_the_peak(cli: Cli) -> None:
    for mode in ("inference", "training", "generate"):
        document = cli("memory", "--mode", mode, "--json").json
        assert sum(line["bytes"] for line in document["ledger"]) == document["peak_bytes"]
        assert max(phase["peak_bytes"] for phase in document["phases"]) == document["peak_bytes"]
        assert document["peak_phase"] in {phase["phase"] for phase in document["phases"]}
        assert document["weights_bytes"] == 652_038_144


def test_the_weights_come_first_and_the_peak_second(cli: Cli) -> None:
    lines = [line for line in cli("memory", "--dtype", "fp32").out.splitlines() if line]
    assert lines[1].startswith("621.83 MiB  weights in fp32")
    assert lines[3].startswith("821.16 MiB  peak")


def test_logits_and_loss_are_named(cli: Cli) -> None:
    labels = {line["label"] for line in cli("memory", "--mode", "training", "--json").json["ledger"]}
    assert {"Logits", "Log-softmax of the logits", "Gradient of the logits", "Loss", "Weights"} <= labels
    assert {"Gradients", "Optimizer temporaries"} <= {
        line["label"] for line in cli("memory", "--mode", "training", "--seq-len", "1", "--json").json["ledger"]
    }


def test_kv_cache(cli: Cli) -> None:
    assert cli("memory", "--mode", "generate", "--dtype", "fp16", "--json").json["kv_cache_bytes"] == 36 * 2**20
    assert cli("memory", "--json").json["kv_cache_bytes"] is None


@pytest.mark.parametrize(("budget", "code"), [("900MiB", 0), ("821MiB", 1), ("0.001TiB", 0), ("861044736B", 0)])
def test_a_budget_is_an_exit_code(cli: Cli, budget: str, code: int) -> None:
    outcome = cli("memory", "--budget", budget, "--json")
    assert outcome.code == code
    assert outcome.json["budget"]["holds"] is (code == 0)


BAD = {
    "optimizer": (["--mode", "training", "--optimizer", "adamx"], "choices are adamw, adam, sgd, sgd-momentum"),
    "dtype": (["--dtype", "fp8"], "choices are fp32, fp16, bf16, int8, int4"),
    "too long": (["--seq-len", "1025"], "over the context length 1,024"),
    "quantized training": (["--mode", "training", "--dtype", "int8"], "is for weights at inference"),
    "amp over bf16": (["--amp", "--dtype", "bf16"], "leave --dtype at fp32"),
    "bare budget": (["--budget", "24"], "24GiB"),
    "negative budget": (["--budget", "-1GiB"], "24GiB"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_names_the_way_out(cli: Cli, case: str) -> None:
    arguments, told = BAD[case]
    outcome = cli("memory", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err


@pytest.mark.parametrize("variable", ["batch", "seq", "layers", "width"])
@pytest.mark.parametrize("mode", ["inference", "training"])
def test_fit_finds_the_largest_that_the_ledger_holds(cli: Cli, variable: str, mode: str) -> None:
    document = cli("fit", "--budget", "8GiB", "--solve", variable, "--mode", mode, "--json").json
    answer, following = document["answer"], document["next_value"]
    key = {"batch": "", "seq": "context_length", "layers": "n_layers", "width": "emb_dim"}[variable]

    def peak(value: int) -> int:
        sizes = ["--set", f"{key}={value}"] if key else ["--batch-size", str(value)]
        peak_bytes: int = cli("memory", "--mode", mode, *sizes, "--json").json["peak_bytes"]
        return peak_bytes

    assert peak(answer) == document["peak_bytes"] <= 8 * 2**30 < peak(following) == document["next_peak_bytes"]
    if variable == "width":
        assert answer % 12 == following % 12 == 0


def test_fit_where_nothing_fits(cli: Cli) -> None:
    outcome = cli("fit", "--budget", "1MiB", "--json")
    assert (outcome.code, outcome.out) == (1, "")
    assert "nothing fits: 1 needs" in outcome.err


def test_compare(cli: Cli) -> None:
    document = cli("compare", "gpt2-124m", "gpt2", "--json").json
    one, other = document["models"]
    assert set(one) == set(other)
    assert one["parameters"] - other["parameters"] == 163_009_536 - 124_439_808
    assert {"qkv_bias", "weight_tying", "parameters"} <= set(document["differing"])
    assert "emb_dim" not in document["differing"]
    assert cli("compare", "gpt2").code == 2
    assert "over the context length" in cli("compare", "gpt2", "tiny", "--seq-len", "1000").err
