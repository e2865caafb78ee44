"""FLOPs: the published figures, torch's own counter, and laws that hold for every config."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from gptcli.analysis.flops import Throughput, flops_report, throughput
from gptcli.analysis.formulas import evaluate
from gptcli.analysis.params import count_parameters
from gptcli.architecture import AttentionPath
from gptcli.config import ModelConfig, load_config
from gptcli.errors import InputError
from gptcli.model.forward import ForwardOptions, build
from gptcli.reports import FlopsReport
from tests.strategies import configs

GPT2 = load_config("gpt2-124m", environ={}).config


def test_figures_of_the_124m_model() -> None:
    report = flops_report(GPT2, tokens=1024)
    assert report.linear_flops == 252_993_601_536
    assert report.attention_flops == 38_654_705_664
    assert report.forward_flops == report.prefill_flops == 291_648_307_200
    assert report.causal_forward_flops == 272_339_828_736
    assert report.backward_flops == 583_296_614_400
    assert report.training_flops == 874_944_921_600
    assert report.training_flops_per_token == 854_438_400


def test_conventions_of_the_124m_model() -> None:
    tokens, parameters, outside_the_body = 1024, 163_009_536, 2 * 50257 * 768 + 1024 * 768
    assert flops_report(GPT2, tokens=tokens).conventions == {
        "matmul_full_attention": 874_944_921_600,
        "matmul_causal_exact": 3 * 272_339_828_736,
        "six_n": 6 * parameters * tokens,
        "six_n_non_embedding": 6 * (parameters - outside_the_body) * tokens,
        "palm_mfu": (6 * parameters + 12 * 12 * 768 * tokens) * tokens,
        "macs_forward": 145_824_153_600,
    }


def _measured(config: ModelConfig, batch: int, tokens: int) -> tuple[int, int]:
    """Return what torch's counter finds in a forward pass, and in one with its backward."""
    model = build(config, ForwardOptions(attention="explicit"))
    ids = torch.zeros(batch, tokens, dtype=torch.long)
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        model(ids)
    with FlopCounterMode(display=False) as training:
        F.cross_entropy(model(ids).flatten(0, 1), ids.flatten()).backward()
    return forward.get_total_flops(), training.get_total_flops()


@settings(max_examples=25, deadline=None)
@given(configs(largest=3), st.integers(1, 3), st.data())
def test_torch_counts_the_same(config: ModelConfig, batch: int, data: st.DataObject) -> None:
    tokens = data.draw(st.integers(1, config.context_length))
    report = flops_report(config, batch=batch, tokens=tokens, attention="explicit")
    assert (report.forward_flops, report.training_flops) == _measured(config, batch, tokens)


def test_torch_counts_the_same_for_the_tiny_model() -> None:
    config = load_config("tiny", environ={}).config
    report = flops_report(config, batch=2, tokens=16, attention="explicit")
    assert (report.forward_flops, report.training_flops) == _measured(config, 2, 16)


@given(configs(), st.integers(1, 10**6))
def test_flops_are_linear_in_the_layers(config: ModelConfig, layers: int) -> None:
    def forward(n_layers: int) -> int:
        return flops_report(replace(config, n_layers=n_layers), tokens=config.context_length).forward_flops

    block = forward(2) - forward(1)
    assert block > 0
    assert forward(layers) == forward(1) + (layers - 1) * block


@given(configs(), st.integers(1, 64))
def test_flops_are_linear_in_the_batch(config: ModelConfig, batch: int) -> None:
    one, many = (flops_report(config, batch=n, tokens=config.context_length) for n in (1, batch))
    for name in ("linear_flops", "attention_flops", "causal_forward_flops", "training_flops", "decode_flops"):
        assert getattr(many, name) == batch * getattr(one, name)
    assert many.conventions == {name: batch * number for name, number in one.conventions.items()}
    assert many.training_flops_per_token == one.training_flops_per_token


@settings(max_examples=10, deadline=None)
@given(configs())
def test_decoding_every_token_is_a_causal_exact_pass(config: ModelConfig) -> None:
    reports = [flops_report(config, tokens=tokens) for tokens in range(1, config.context_length + 1)]
    assert sum(report.decode_flops for report in reports) == reports[-1].causal_forward_flops


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
@given(config=configs())
def test_parts_add_up(attention: AttentionPath, config: ModelConfig) -> None:
    report = flops_report(config, tokens=config.context_length, attention=attention)
    assert sum(part.flops * part.times for part in report.parts) == report.forward_flops
    assert report.linear_flops + report.attention_flops == report.forward_flops


@given(configs(), st.integers(1, 8))
def test_every_formula_gives_the_reported_value(config: ModelConfig, batch: int) -> None:
    report = flops_report(config, batch=batch, tokens=config.context_length, explain=True)
    assert report.explanations is not None
    expected = _reported(report)
    assert {line.name: line.value for line in report.explanations} == expected
    for line in report.explanations:
        assert evaluate(line.formula, line.values) == expected[line.name]
        assert line.unit == "FLOPs"
        assert line.source


def _reported(report: FlopsReport) -> dict[str, int]:
    return {
        "linear": report.linear_flops,
        "attention": report.attention_flops,
        "forward": report.forward_flops,
        "causal": report.causal_forward_flops,
        "backward": report.backward_flops,
        "training": report.training_flops,
        "decode": report.decode_flops,
        **report.conventions,
    }


def test_the_cost_does_not_depend_on_the_layers() -> None:
    few, many = (flops_report(replace(GPT2, n_layers=n), tokens=1024) for n in (1, 10**6))
    assert len(few.parts) == len(many.parts)


def test_utilization_is_palms() -> None:
    reached = Throughput(tokens_per_second=10_000, peak_tflops=100)
    per_token = 6 * count_parameters(GPT2) + 12 * 12 * 12 * 64 * 1024
    mfu = flops_report(GPT2, batch=4, tokens=1024, reached=reached).mfu
    assert mfu == pytest.approx(10_000 * per_token / 100e12, rel=1e-15)


def test_utilization_needs_both_figures() -> None:
    assert throughput(None, None) is None
    with pytest.raises(InputError, match=r"--tokens-per-second alone.*--peak-tflops"):
        throughput(1.0, None)
    with pytest.raises(InputError, match=r"--peak-tflops alone.*--tokens-per-second"):
        throughput(None, 1.0)


@pytest.mark.parametrize("figure", [0.0, -1.0, float("nan"), float("inf")])
def test_utilization_needs_real_figures(figure: float) -> None:
    with pytest.raises(InputError, match=r"--peak-tflops .* is not a number above zero"):
        throughput(1.0, figure)


def test_a_sequence_over_the_context_is_refused() -> None:
    with pytest.raises(InputError, match=r"--seq-len 1,025 is over the context length 1,024 of gpt2-124m"):
        flops_report(GPT2, tokens=1025)
