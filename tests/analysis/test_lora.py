"""Low-rank adapters beside frozen layers: measured to the byte, and computing what merged weights compute."""

import random
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from gptcli.analysis.formulas import evaluate
from gptcli.analysis.memory import gradients_bytes, ledger, memory_report, optimizer_bytes
from gptcli.analysis.params import count_parameters
from gptcli.analysis.passes import swept
from gptcli.analysis.peaks import Peaks
from gptcli.analysis.workload import Workload
from gptcli.api.adapters import with_adapters
from gptcli.api.figures import measured_run
from gptcli.architecture import Network, describe
from gptcli.architecture.adapters import adapted, count_trained, linear_paths
from gptcli.config import ModelConfig, load_config
from gptcli.errors import InputError
from gptcli.model.gpt import GPT
from gptcli.model.measure import training_step
from tests.analysis.test_passes import random_case
from tests.patterned import patterned

TARGETS = [("c_attn",), ("c_proj",), ("mlp.c_proj",), ("c_attn", "c_fc"), ("all-linear",)]
C, L = 32, 3
CONFIG = ModelConfig(vocab_size=300, context_length=16, emb_dim=C, n_heads=2, n_layers=L, bias=True, qkv_bias=True)
STEP = Workload(batch=2, tokens=8, mode="training")


def measured(network: Network, options: Workload, *, fake: bool) -> None:
    step = training_step(network, measured_run(options, fake=fake))
    memory = swept(network, options)
    assert gradients_bytes(network, options.dtype) == step.gradients
    assert optimizer_bytes(network, options.optimizer, options.dtype) == step.optimizer_state
    assert (memory.peak, memory.phases) == (step.peak, step.phases)
    assert sum(line.bytes for line in ledger(memory)) == step.peak


@pytest.mark.parametrize("fake", [False, True], ids=["real", "fake"])
@pytest.mark.parametrize("norm", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("seed", range(3000, 3010))
def test_a_step_of_adapters_is_measured_to_the_byte(seed: int, norm: Any, fake: bool) -> None:
    config, options = random_case(seed)
    draw = random.Random(seed)
    network = adapted(describe(replace(config, norm=norm)), draw.choice([1, 4, 40]), TARGETS[seed % len(TARGETS)])
    measured(network, replace(options, mode="training", accumulate=1 + seed % 2), fake=fake)


@pytest.mark.parametrize("targets", TARGETS, ids=str)
@pytest.mark.parametrize("recompute", ["none", "block"])
def test_the_first_layer_runs_in_another_way(targets: tuple[str, ...], recompute: Any) -> None:
    """Nothing before its first adapter needs a gradient, so there nothing is kept; in every later layer it is."""
    measured(adapted(describe(CONFIG), 2, targets), replace(STEP, recompute=recompute, optimizer="sgd"), fake=True)


@pytest.mark.parametrize("targets", [("c_attn",), ("c_proj",)], ids=str)
@pytest.mark.parametrize("order", ["AABAAB", "BAC"])
def test_layers_of_several_kinds(order: str, targets: tuple[str, ...]) -> None:
    measured(adapted(patterned(order), 2, targets), replace(STEP, optimizer="sgd"), fake=True)


@pytest.mark.parametrize("optimizer", ["muon", "adafactor"])
def test_other_optimizers_step_adapters(optimizer: str) -> None:
    measured(adapted(describe(CONFIG), 2), replace(STEP, optimizer=optimizer), fake=True)


@pytest.mark.parametrize("seed", range(3100, 3106))
def test_layers_that_are_not_swept_cost_what_the_swept_ones_cost(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    config, options = random_case(seed)
    network = adapted(describe(replace(config, n_layers=9)), 3, TARGETS[seed % len(TARGETS)])
    options = replace(options, mode="training")
    skipping = swept(network, options)
    monkeypatch.setattr("gptcli.analysis.passes._SWEPT", 100)
    every_one = swept(network, options)
    assert (skipping.phases, ledger(skipping)) == (every_one.phases, ledger(every_one))


def test_what_peft_prints_of_gpt2() -> None:
    """``print_trainable_parameters`` with ``LoraConfig(r=8)``: 294,912 of 124,734,720, 0.24 %."""
    network = adapted(describe(load_config("gpt2", environ={}).config), 8)
    assert (count_trained(network), count_parameters(network)) == (294_912, 124_734_720)
    assert gradients_bytes(network, "fp32") == 4 * 294_912
    assert optimizer_bytes(network, "adamw", "fp32") == 8 * 294_912 + 4 * 24


@pytest.mark.parametrize(
    ("targets", "numbers"),
    [
        (("c_attn",), 3 * C + C),
        (("mlp.c_proj",), C + 4 * C),
        (("c_proj",), (C + C) + (C + 4 * C)),
        (("all-linear",), (3 * C + C) + (C + C) + 2 * (C + 4 * C)),
    ],
)
def test_where_adapters_stand(targets: tuple[str, ...], numbers: int) -> None:
    """Each has r rows of its input and r columns of its output; the head has none."""
    rank = 5
    network = describe(CONFIG)
    adapters = L * rank * numbers
    assert count_trained(adapted(network, rank, targets)) == adapters
    assert count_parameters(adapted(network, rank, targets)) == count_parameters(network) + adapters
    assert [path.rpartition(".")[2] for path in linear_paths(network)] == ["c_attn", "c_proj", "c_fc", "c_proj"]


def test_an_adapter_computes_what_merged_weights_compute() -> None:
    """``W + B A * alpha / r`` in place of W (Hu et al. 2021, section 4.1); alpha is peft's 8."""
    torch.manual_seed(0)
    rank = 4
    plain, with_lora = GPT(describe(CONFIG)), GPT(adapted(describe(CONFIG), rank, ("all-linear",)))
    for parameter in with_lora.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    tensors = {name: value.detach() for name, value in with_lora.named_parameters()}
    merged = {}
    for name, value in tensors.items():
        at, base, rest = name.partition(".base_layer")
        if base and rest == ".weight":
            value = value + tensors[f"{at}.lora_B.weight"] @ tensors[f"{at}.lora_A.weight"] * 8 / rank  # noqa: PLW2901
        if ".lora_" not in name:
            merged[at + rest] = value
    plain.load_state_dict(merged)
    ids = torch.randint(300, (2, 8))
    with torch.no_grad():
        torch.testing.assert_close(with_lora.eval()(ids), plain.eval()(ids))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_its_formulas_give_the_figures(device: str) -> None:
    report = memory_report(adapted(describe(CONFIG), 3), replace(STEP, device=device), explain=True)
    assert report.explanations is not None
    for line in report.explanations:
        assert evaluate(line.formula, line.values) == line.value, line.name
    by_name = {line.name: line.value for line in report.explanations}
    assert by_name["Gradients"] == report.gradients_bytes == 4 * (report.trained_parameters or 0)
    assert by_name["Optimizer state"] == report.optimizer_bytes
    assert by_name["Weights"] == report.weights_bytes
    assert (report.lora_rank, report.lora_targets) == (3, ["c_attn"])


def test_a_search_knows_adapters_from_a_network_without() -> None:
    peaks, network = Peaks(), describe(CONFIG)
    for each in (network, adapted(network, 2), adapted(network, 9), adapted(network, 2, ("c_fc",))):
        for width in (C, 64):
            other = each.of(replace(CONFIG, emb_dim=width))
            assert peaks.peak(other, STEP) == swept(other, STEP).peak


def test_another_path_or_config_keeps_the_adapters() -> None:
    network = adapted(describe(CONFIG, "sdpa"), 2)
    for other in (network.on("explicit"), network.of(replace(CONFIG, n_layers=5))):
        assert other.adapters == network.adapters
        assert count_trained(other) == other.stack.depth * 2 * (C + 3 * C)


def test_targets_that_there_are_not_are_refused() -> None:
    with pytest.raises(
        InputError, match="no linear layer is called 'q_proj'; choices are c_attn, c_proj, c_fc, or all-linear"
    ):
        with_adapters(describe(CONFIG), 2, "c_attn, q_proj")
    with pytest.raises(InputError, match="no linear layer is called 'lm_head'"):
        with_adapters(describe(CONFIG), 2, "lm_head")
    with pytest.raises(InputError, match="add --lora RANK, or leave it out"):
        with_adapters(describe(CONFIG), None, "c_attn")
    with pytest.raises(InputError, match="names no layer"):
        with_adapters(describe(CONFIG), 2, " , ")
    assert (
        with_adapters(describe(CONFIG), 2, "c_fc, c_attn").adapters
        == adapted(describe(CONFIG), 2, ("c_fc", "c_attn")).adapters
    )
