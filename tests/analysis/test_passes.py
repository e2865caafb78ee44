"""The ledger: equal to the byte to what torch's profiler measures, and adding up."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gptcli.analysis.memory import kv_cache_bytes, ledger, memory_report, optimizer_bytes
from gptcli.analysis.passes import swept
from gptcli.analysis.workload import Workload
from gptcli.api.figures import measured_run
from gptcli.architecture import describe
from gptcli.config import ModelConfig, load_config
from gptcli.model.measure import forward_pass, generation, training_step
from gptcli.processor import lacks_instructions
from tests.strategies import configs
from tools.accuracy import WIDE, config_of, covering_cells, options_of

LECTURE = load_config("gpt2-124m", environ={}).config


def _measured(config: ModelConfig, options: Workload, *, fake: bool) -> int:
    run = measured_run(options, fake=fake)
    return (
        training_step(describe(config), run).peak
        if options.mode == "training"
        else forward_pass(describe(config), run).peak
    )


BIASES = [(False, False), (True, False), (True, True)]


def random_case(seed: int) -> tuple[ModelConfig, Workload]:
    """Draw from all that moves the peak, corners such as one head and one token included."""
    draw = random.Random(seed).choice
    heads, biases = draw([1, 2, 4]), draw(BIASES)
    config = ModelConfig(
        vocab_size=draw([17, 512, 3000]),
        context_length=64,
        emb_dim=heads * draw([2, 8, 16]),
        n_heads=heads,
        n_layers=draw([1, 2, 3, 4, 5, 7]),
        drop_rate=draw([0.0, 0.1]),
        bias=biases[0],
        qkv_bias=biases[1],
        activation=draw(["gelu_tanh", "gelu"]),
        weight_tying=draw([False, True]),
    )
    dtype = draw(["fp32", "bf16", "fp16", "amp"])
    options = Workload(
        batch=draw([1, 2, 3]),
        tokens=draw([1, 2, 16, 64]),
        mode=draw(["inference", "training", "training"]),
        dtype="fp32" if dtype == "amp" else dtype,
        amp=dtype == "amp",
        attention=draw(["sdpa", "explicit"]),
        optimizer=draw(["adamw", "adam", "sgd", "sgd-momentum"]),
        optimizer_impl=draw(["for-loop", "foreach", "fused"]),
        recompute=draw(["none", "block"]),
        widens=lacks_instructions(dtype),
    )
    return config, options


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_the_peak_is_measured_to_the_byte(seed: int) -> None:
    config, options = random_case(seed)
    assert swept(describe(config), options).peak == _measured(config, options, fake=False)


@pytest.mark.parametrize("seed", range(200, 215))
def test_the_peak_is_measured_to_the_byte_on_fake_tensors(seed: int) -> None:
    config, options = random_case(seed)
    assert swept(describe(config), options).peak == _measured(config, options, fake=True)


@pytest.mark.slow
@pytest.mark.parametrize("fake", [False, True], ids=["real", "fake"])
@pytest.mark.parametrize("seed", range(500, 530))
def test_generation_is_measured_to_the_byte(seed: int, fake: bool) -> None:
    config, options = random_case(seed)
    options = replace(options, mode="generate")
    memory, measured = (
        swept(describe(config), options),
        generation(describe(config), measured_run(options, fake=fake)),
    )
    assert kv_cache_bytes(describe(config), options) == measured.kv_cache
    assert memory.phases == {"prefill": measured.prefill, "decode": measured.decode}
    assert memory.peak == max(measured.prefill, measured.decode) == sum(line.bytes for line in ledger(memory))


@pytest.mark.slow
@pytest.mark.parametrize("cell", covering_cells(WIDE)[:5], ids=str)
def test_published_sizes_on_fake_tensors(cell: dict[str, Any]) -> None:
    config, options = config_of(cell), options_of(cell)
    assert swept(describe(config), options).peak == _measured(config, options, fake=True)


@pytest.mark.parametrize("seed", range(300, 312))
def test_the_ledger_adds_up_to_the_measured_peak(seed: int) -> None:
    """No line can change alone: the sum is measured, and no line is empty."""
    config, options = random_case(seed)
    memory = swept(describe(config), options)
    lines = ledger(memory)
    assert sum(line.bytes for line in lines) == _measured(config, options, fake=False)
    assert min(line.bytes for line in lines) > 0
    assert min(line.tensors for line in lines) > 0


def test_the_closed_form_found_when_this_was_designed() -> None:
    """3Pe + 4N + 16BT + L(16u + 4BTe + 4BHT) + 2u + 2BTe + 8T + 2e + 4BTVe, without dropout."""
    config = replace(LECTURE, drop_rate=0.0)
    memory = swept(describe(config), Workload(tokens=1024, mode="training"))
    assert (memory.peak, memory.peak_phase) == (3_390_616_108, "backward")


def test_published_state_sizes() -> None:
    fp16 = Workload(tokens=1024, mode="generate", dtype="fp16")
    assert kv_cache_bytes(describe(LECTURE), fp16) == 36 * 2**20
    assert kv_cache_bytes(describe(LECTURE), replace(fp16, dtype="fp32")) == 72 * 2**20
    parameters, tensors = 163_009_536, 137
    report = memory_report(describe(LECTURE), Workload(tokens=1024, mode="training"))
    assert report.gradients_bytes is not None
    assert report.optimizer_bytes is not None
    total = report.weights_bytes + report.gradients_bytes + report.optimizer_bytes
    assert total == 16 * parameters + 4 * tensors
    assert optimizer_bytes(describe(LECTURE), "sgd", "fp32") == 0


@settings(max_examples=60, deadline=None)
@given(configs(), st.integers(1, 5), st.booleans(), st.sampled_from(["none", "block"]))
def test_memory_never_falls_when_a_size_grows(config: ModelConfig, batch: int, training: bool, recompute: Any) -> None:
    tokens = max(1, config.context_length - 1)
    options = Workload(batch=batch, tokens=tokens, mode="training" if training else "inference", recompute=recompute)
    peak = swept(describe(config), options).peak
    assert swept(describe(config), replace(options, batch=batch + 1)).peak >= peak
    assert swept(describe(replace(config, context_length=99)), replace(options, tokens=tokens + 1)).peak >= peak
    assert swept(describe(replace(config, n_layers=config.n_layers + 1)), options).peak >= peak
    assert swept(describe(config), options).peak == sum(line.bytes for line in ledger(swept(describe(config), options)))


@pytest.mark.parametrize("seed", range(400, 440))
def test_skipped_blocks_cost_what_swept_ones_cost(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    config, options = random_case(seed)
    config = replace(config, n_layers=5 + seed % 20)
    skipping = swept(describe(config), options)
    monkeypatch.setattr("gptcli.analysis.passes._SWEPT", 100)
    every_one = swept(describe(config), options)
    assert skipping.peak == every_one.peak
    assert skipping.phases == every_one.phases
    assert ledger(skipping) == ledger(every_one)


def test_ten_trillion_parameters_are_swept_in_as_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from gptcli.analysis.sweep import Memory

    calls = 0
    allocate = Memory.allocate

    def counting(self: Memory, amount: Any) -> Any:
        nonlocal calls
        calls += 1
        return allocate(self, amount)

    monkeypatch.setattr(Memory, "allocate", counting)
    options = Workload(tokens=1024, mode="training")
    swept(describe(LECTURE), options)
    few, calls = calls, 0
    swept(describe(replace(LECTURE, n_layers=1_450_000)), options)
    assert calls == few


@pytest.mark.parametrize("mode", ["inference", "training", "generate"])
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_formula_gives_the_figure(mode: Any, dtype: str, device: str) -> None:
    from gptcli.analysis.formulas import evaluate

    for config in (LECTURE, load_config("gpt2-xl", environ={}).config, load_config("tiny", environ={}).config):
        options = Workload(batch=3, tokens=17, mode=mode, dtype=dtype, device=device)
        report = memory_report(describe(config), options, explain=True)
        assert report.explanations is not None
        for line in report.explanations:
            assert evaluate(line.formula, line.values) == line.value, line.name
        by_name = {line.name: line.value for line in report.explanations}
        for entry in report.ledger:
            assert by_name[f"Peak: {entry.label}"] == entry.bytes
        assert by_name["Weights"] == report.weights_bytes
        assert by_name.get("Gradients") == report.gradients_bytes
        assert by_name.get("Optimizer state") == report.optimizer_bytes
        assert by_name.get("KV cache") == report.kv_cache_bytes


@pytest.mark.slow
@pytest.mark.parametrize("fake", [False, True], ids=["real", "fake"])
@pytest.mark.parametrize("seed", range(1000, 1010))
def test_a_loss_function_that_lets_the_logits_go(seed: int, fake: bool) -> None:
    config, options = random_case(seed)
    options = replace(options, mode="training", free_logits=True)
    memory, measured = (
        swept(describe(config), options),
        training_step(describe(config), measured_run(options, fake=fake)),
    )
    assert (memory.peak, memory.phases) == (measured.peak, measured.phases)
    kept = swept(describe(config), replace(options, free_logits=False))
    assert all(memory.phases[phase] == kept.phases[phase] for phase in ("forward", "loss"))
    item = 2 if options.amp else {"fp32": 4, "bf16": 2, "fp16": 2}[options.dtype]
    assert (
        kept.phases["backward"] - memory.phases["backward"] <= item * options.batch * options.tokens * config.vocab_size
    )
    assert kept.phases["backward"] > memory.phases["backward"]


def test_a_step_of_the_lecture_with_flash_attention() -> None:
    """8 x 1,024 tokens in bf16, fused AdamW: one logits tensor less (published: 5.90 GiB reserved, on an A100)."""
    options = Workload(
        batch=8, tokens=1024, mode="training", dtype="bf16", optimizer_impl="fused", device="cuda", free_logits=True
    )
    logits = 8 * 1024 * 50257 * 2
    peak = swept(describe(LECTURE), options).peak
    assert swept(describe(LECTURE), replace(options, free_logits=False)).peak - peak == logits


@pytest.mark.parametrize("how", ["for-loop", "foreach"])
def test_an_optimizer_without_a_fused_step_is_measured(how: str) -> None:
    """Several of torch's optimizers have no argument ``fused``; a row for one of them must not end in a TypeError."""
    options = Workload(batch=1, tokens=4, mode="training")
    run = replace(measured_run(options, fake=True), optimizer="torch.optim.Adamax", optimizer_impl=how)
    network = describe(LECTURE)
    assert training_step(network, run).optimizer_state == optimizer_bytes(network, "adamw", "fp32")
