"""``gptcli memory`` and ``compare`` from the outside."""

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
    cached = cli("memory", "--mode", "generate", "--dtype", "fp16", "-b", "3", "--json").json
    assert cached["kv_cache_bytes"] == 3 * 36 * 2**20
    assert cached["kv_cache_bytes_per_token"] == 36 * 2**20 // 1024
    assert cli("memory", "--json").json["kv_cache_bytes"] is None


@pytest.mark.parametrize(("budget", "code"), [("900MiB", 0), ("821MiB", 1), ("0.001TiB", 0), ("861044736B", 0)])
def test_a_budget_is_an_exit_code(cli: Cli, budget: str, code: int) -> None:
    outcome = cli("memory", "--budget", budget, "--headroom", "0", "--json")
    assert outcome.code == code
    assert outcome.json["budget"]["holds"] is (code == 0)


def test_the_cpu_keeps_free_what_python_and_torch_take(cli: Cli) -> None:
    headroom = 512 * 2**20
    just = 861_044_736 + headroom
    assert cli("memory", "--budget", f"{just}B").code == 0
    short = cli("memory", "--budget", f"{just - 1}B", "--json")
    assert short.code == 1
    budget = short.json["budget"]
    assert (budget["value"], budget["headroom_bytes"], budget["unit"]) == (861_044_736, headroom, "B")
    assert short.json["process_bytes"] == 320 * 2**20
    card = cli("memory", "--budget", "822MiB", "--device", "cuda", "--json")
    assert (card.code, card.json["budget"]["headroom_bytes"], card.json["process_bytes"]) == (0, 0, None)
    assert cli("memory", "--budget", "822MiB", "--device", "cuda", "--headroom", "1MiB").code == 1
    assert cli("memory", "--json").json["budget"] is None


def test_what_the_figure_is_of_and_what_is_not_in_it_is_said(cli: Cli) -> None:
    said = " ".join(cli("memory", "--mode", "training").out.split())
    assert (
        "gptcli's own network: layer norm and GELU are one fused call each, and no block stores a causal mask" in said
    )
    assert "as the lecture's does, takes more" in said
    assert "Not counted: Python and torch themselves, some 320 MiB; gaps that the allocator leaves" in said
    assert "Not counted: the card's context" in " ".join(cli("memory", "--device", "cuda").out.split())
    document = cli("memory", "--json").json
    assert document["kernels"] == {"layer_norm": "fused", "activation": "fused"}
    assert document["stores_causal_mask"] is False


def test_what_rms_norm_is_made_of_is_said(cli: Cli) -> None:
    model = ("memory", "-c", "tiny", "--set", "norm=rms_norm")
    said, on_cuda = (" ".join(cli(*model, "--device", device).out.split()) for device in ("cpu", "cuda"))
    assert "GELU is one fused call, RMSNorm the several calls that torch makes of it on the CPU, and no block" in said
    assert "RMSNorm and GELU are one fused call each, and no block" in on_cuda
    assert cli(*model, "--json").json["kernels"] == {"rms_norm": "composite", "activation": "fused"}
    assert cli(*model, "--device", "cuda", "--json").json["kernels"] == {"rms_norm": "fused", "activation": "fused"}


def test_a_format_with_scales_says_what_they_take(cli: Cli) -> None:
    model = ("memory", "-c", "gpt2", "--dtype", "q4_k_m")
    said = " ".join(cli(*model).out.split())
    assert "85.31 MiB weights in q4_k_m" in said
    assert "5.75 bits each: numbers 74.01 MiB, scales 7.84 MiB, left in fp32 3.46 MiB" in said
    assert "q4_k_m: bytes as in llama.cpp, src/llama-quant.cpp" in said
    document = cli(*model, "--json").json
    assert sum(line["bytes"] for line in document["weights_ledger"]) == document["weights_bytes"]
    labels = {line["label"] for line in document["ledger"]}
    assert {"Weights", "Scales of the weights", "Weights left in fp32"} <= labels
    assert cli("memory", "--json").json["weights_ledger"] is None


def test_the_cache_in_a_format_of_its_own(cli: Cli) -> None:
    run = ("memory", "-c", "gpt2", "--mode", "generate", "-b", "3", "--kv-dtype", "FP8")
    document = cli(*run, "--json").json
    assert (document["kv_dtype"], document["batch_size"]) == ("fp8", 3)
    assert document["kv_cache_bytes"] == 2 * 12 * 3 * 1024 * 768
    assert document["kv_cache_bytes_per_token"] == 2 * 12 * 768
    said = " ".join(cli(*run).out.split())
    assert "KV cache 54.00 MiB in fp8" in said
    assert "The cache holds numbers in fp8 alone: no scales, and no copy in another format." in said
    outcome = cli("memory", "--kv-dtype", "fp8")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "error: --kv-dtype is about the KV cache; add --mode generate, or leave it out\n"
    assert "choices are fp32, bf16, fp16, fp8, int8, int4" in cli(*run[:-1], "fp6").err


def test_the_cache_of_a_text_that_is_longer_than_the_table_of_positions(cli: Cli) -> None:
    """Is arithmetic; a peak would be one of a pass that cannot run."""
    long = ("memory", "-c", "gpt2", "--seq-len", "4096", "--mode", "generate")
    outcome = cli(*long, "--json")
    kept = outcome.json
    assert (kept["kv_cache_bytes"], kept["kv_cache_bytes_per_token"]) == (4096 * 73_728, 73_728)
    assert (kept["peak_bytes"], kept["ledger"], kept["phases"]) == (None, [], [])
    (note,) = kept["notes"]
    assert outcome.err == f"note: {note}\n"
    assert "a table of 1,024 positions has none for the rest of 4,096 tokens" in note
    assert cli(*long, "--set", "context_length=4096", "--json").json["notes"] == []
    assert "No peak is given: a table of 1,024 positions" in " ".join(cli(*long, "--explain").out.split())
    limited = cli(*long, "--budget", "8GiB")
    assert (limited.code, limited.out) == (1, "")
    assert "error: no peak is known: a table of 1,024 positions" in limited.err
    for mode in ("inference", "training"):
        refused = cli("memory", "-c", "gpt2", "--seq-len", "4096", "--mode", mode)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.endswith(
            "over the context length 1,024 of gpt2; shorten it, or use --set context_length=4096\n"
        )


def test_a_text_that_is_longer_than_a_network_without_a_table_was_made_for(cli: Cli) -> None:
    for command in (("memory", "--mode", "inference"), ("memory", "--mode", "generate"), ("flops",)):
        outcome = cli(*command, "-c", "tiny", "--set", "positions=rotary", "--seq-len", "1025", "--json")
        (note,) = outcome.json["notes"]
        assert "of tiny; the network reads them all, which it may not have learned" in note
        assert note in outcome.err


_EXACT = "861,044,736 bytes + 536,870,912 bytes headroom against"


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ("900MiB", f"821.16 MiB + 512.00 MiB headroom against 900 MiB; exactly {_EXACT} 943,718,400, "),
        ("0.9GB", f"0.86 GB + 0.54 GB headroom against 0.9 GB; exactly {_EXACT} 900,000,000, "),
        ("1.25gib", f"0.80 GiB + 0.50 GiB headroom against 1.25 GiB; exactly {_EXACT} 1,342,177,280, "),
        ("0.0005TiB", f"0.000783 TiB + 0.000488 TiB headroom against 0.0005 TiB; exactly {_EXACT} "),
        ("900000000B", f"{_EXACT} 900,000,000, 497,915,648 too many\n"),
    ],
)
def test_what_is_over_budget_is_told_in_the_unit_that_was_asked(cli: Cli, budget: str, told: str) -> None:
    assert cli("memory", "--budget", budget).err.startswith(f"error: over budget: {told}")


def test_a_letter_alone_is_read_as_binary_and_that_is_said(cli: Cli) -> None:
    outcome = cli("memory", "--budget", "8G")
    assert outcome.err == "note: --budget 8G is read as 8 GiB; write GB for powers of 1000\n"
    assert "budget 8 GiB, needed 0.80 GiB + 0.50 GiB headroom: holds" in outcome.out
    assert "0.50 GiB stay free for Python and torch themselves (--headroom)." in outcome.out
    assert cli("memory", "--budget", "8Gi").err == ""


def test_bits_that_are_read_as_bytes_are_noted(cli: Cli) -> None:
    outcome = cli("memory", "-c", "tiny", "--budget", "8Gb", "--json")
    assert outcome.err == "note: --budget 8Gb is read as 8 GB, in bytes and not in bits\n"
    assert outcome.json["budget"]["limit"] == 8 * 10**9


BAD = {
    "optimizer": (
        ["--mode", "training", "--optimizer", "adamx"],
        "choices are adamw, adam, sgd, sgd-momentum, adamw8bit",
    ),
    "dtype": (["--dtype", "fp6"], "choices are fp32, fp16, bf16, int8, int4, or with scales counted q4_0, "),
    "parameter of a format": (["--dtype", "gptq:group=0"], "'group=0' means nothing; it takes bits=2|3|4|8"),
    "training in blocks": (["--mode", "training", "--dtype", "Q4_K"], "--dtype q4_k_m is for weights at inference"),
    "rows of no blocks": (
        ["-c", "tiny", "--set", "emb_dim=60", "--dtype", "q8_0"],
        "rows of 60 numbers are no whole blocks of 32 in Q8_0",
    ),
    "too long": (["--seq-len", "1025"], "over the context length 1,024"),
    "quantized training": (["--mode", "training", "--dtype", "int8"], "is for weights at inference"),
    "amp over bf16": (["--amp", "--dtype", "bf16"], "leave --dtype at fp32"),
    "bare budget": (["--budget", "24"], "24GiB"),
    "headroom of no budget": (["--headroom", "1GiB"], "--headroom is what stays free of a budget; add --budget"),
    "bare headroom": (["--budget", "24GiB", "--headroom", "300"], "--headroom '300' has no unit"),
    "too large a batch": (["--batch-size", str(2**40 + 1)], "--batch-size"),
    "negative budget": (["--budget", "-1GiB"], "24GiB"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_names_the_way_out(cli: Cli, case: str) -> None:
    arguments, told = BAD[case]
    outcome = cli("memory", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err


def test_compare(cli: Cli) -> None:
    document = cli("compare", "gpt2-124m", "gpt2", "--json").json
    one, other = document["models"]
    assert set(one) == set(other)
    assert one["parameters"] - other["parameters"] == 163_009_536 - 124_439_808
    assert {"qkv_bias", "weight_tying", "parameters"} <= set(document["differing"])
    assert "emb_dim" not in document["differing"]
    assert cli("compare", "gpt2").code == 2
    run = ("-b", "8", "--amp", "--recompute", "block", "--device", "GPU", "--optimizer", "SGD")
    said = cli("compare", "gpt2-124m", "gpt2", *run).out
    assert "8 x each model's context length, autocast to bf16, sgd, blocks recomputed, on cuda." in " ".join(
        said.split()
    )
    document = cli("compare", "gpt2-124m", "gpt2", *run, "--json").json
    facts = [
        document[key] for key in ("batch_size", "dtype", "amp", "device", "optimizer", "optimizer_impl", "recompute")
    ]
    assert facts == [8, "fp32", True, "cuda", "sgd", "foreach", "block"]
    assert "over the context length" in cli("compare", "gpt2", "tiny", "--seq-len", "1000").err


@pytest.mark.parametrize(
    "typed",
    [
        ["--free-logits"],
        ["--accumulate", "2"],
        ["--recompute", "block"],
        ["--optimizer", "sgd"],
        ["--optimizer-impl", "fused"],
    ],
    ids=lambda typed: typed[0],
)
@pytest.mark.parametrize("command", [["memory"], ["fit", "--budget", "8GiB"]], ids=["memory", "fit"])
def test_what_is_about_training_is_refused_where_none_runs(cli: Cli, command: list[str], typed: list[str]) -> None:
    for mode in ("inference", "generate"):
        outcome = cli(*command, "-c", "tiny", *typed, "--mode", mode)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err == (f"error: {typed[0]} is about a training step; add --mode training, or leave it out\n")
    assert cli(*command, "-c", "tiny", *typed, "--mode", "training").code == 0


@pytest.mark.parametrize("command", [["memory", "--mode", "training"], ["fit", "--budget", "1GiB"]])
@pytest.mark.parametrize(
    ("optimizer", "package", "said"),
    [
        ("muon", "torch", "Muon takes the matrices of the layers"),
        ("lion", "lion-pytorch", "estimated from its source, not measured"),
        ("adamw8bit", "bitsandbytes", "tensors under 4,096 numbers, in fp32"),
    ],
)
def test_what_is_special_about_an_optimizer_is_said(
    cli: Cli, command: list[str], optimizer: str, package: str, said: str
) -> None:
    run = (*command, "-c", "tiny", "--optimizer", optimizer)
    assert said in " ".join(cli(*run).out.split())
    assert cli(*run, "--json").json["optimizer_package"] == package
    assert said not in " ".join(cli(*command, "-c", "tiny").out.split())


def test_micro_batches_are_said(cli: Cli) -> None:
    run = ("memory", "-c", "tiny", "--mode", "training", "-b", "2", "-t", "8")
    assert "4 micro-batches of 2 x 8 tokens, fp32" in cli(*run, "--accumulate", "4").out
    assert cli(*run, "--accumulate", "4", "--json").json["accumulate"] == 4
    assert "micro-batches" not in cli(*run).out


def test_adapters_are_said(cli: Cli) -> None:
    run = ("memory", "-c", "gpt2", "--mode", "training", "-t", "8", "--lora", "8")
    said = " ".join(cli(*run).out.split())
    assert "294,912 of them are trained, 0.24%" in said
    assert "adapters of rank 8 on c_attn" in said
    assert "autocast_adapter_dtype=False" in said
    document = cli(*run, "--lora-targets", "c_attn,c_proj", "--json").json
    assert (document["lora_rank"], document["lora_targets"]) == (8, ["c_attn", "c_proj"])
    assert document["trained_parameters"] < document["parameters"]
    fitted = cli("fit", "--budget", "4GiB", "-c", "tiny", "--lora", "4", "--json").json
    assert fitted["lora_rank"] == 4
    assert "adapters" not in cli("memory", "-c", "tiny", "--mode", "training", "-t", "8").out
