"""The flow map's figures: each is counted a second time, by somebody else."""

import pytest
from hypothesis import given, settings

from gptcli.analysis.flops import flops_report
from gptcli.analysis.flow import flow_report
from gptcli.analysis.params import count_parameters, params_report
from gptcli.architecture import AttentionPath, describe, shape_sizes, sizes_of, steps
from gptcli.config import ModelConfig, load_config
from gptcli.errors import InputError
from gptcli.reports.flow import FlowReport
from tests.strategies import configs

TINY = load_config("tiny", environ={}).config


def own(report: FlowReport) -> list[tuple[str, int, int]]:
    """Path, parameters and FLOPs of every step that is no group."""
    return [(step.path, step.parameters, step.flops) for step in report.steps if not step.group]


@settings(max_examples=25, deadline=None)
@given(configs())
def test_steps_add_up_to_the_other_counts(config: ModelConfig) -> None:
    tokens = min(5, config.context_length)
    report = flow_report(describe(config), batch=2, tokens=tokens)
    assert (
        sum(parameters for _, parameters, _ in own(report)) == report.parameters == count_parameters(describe(config))
    )
    counted = flops_report(describe(config, "explicit"), batch=2, tokens=tokens)
    assert sum(flops for *_, flops in own(report)) == report.forward_flops == counted.forward_flops
    for row in counted.parts:
        path = row.path.replace("{i}", str(config.n_layers - 1))
        assert [(step.label, step.flops) for step in report.steps if step.path == path] == [(row.label, row.flops)]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
def test_it_is_the_list_of_described_steps(tied: bool, attention: AttentionPath) -> None:
    config = load_config("tiny", flags={"weight_tying": tied}, environ={}).config
    sizes = sizes_of(config, 3, 7)
    listed = [
        (step.path, step.label, step.kind, list(step.reads), shape_sizes(step.shape, sizes), step.block, step.group)
        for step in steps(describe(config, attention), sizes)
    ]
    report = flow_report(describe(config, attention), batch=3, tokens=7)
    assert listed == [(s.path, s.label, s.operation, s.reads, s.shape, s.block, s.group) for s in report.steps]
    assert (report.steps[-1].tied_to, report.steps[-1].parameters == 0) == ("wte.weight" if tied else None, tied)


def test_symbols_are_the_numbers() -> None:
    report = flow_report(describe(TINY), batch=2, tokens=9)
    assert report.sizes["T"] == 9
    for step in report.steps:
        sizes = [int(s.rstrip("BTCHDFV") or 1) * report.sizes.get(s.lstrip("0123456789"), 1) for s in step.symbols]
        assert tuple(sizes) == step.shape, step.path


def test_groups_and_the_block_hold_what_is_in_them() -> None:
    report = flow_report(describe(TINY), tokens=9)
    for group in report.steps:
        if group.group:
            inside = [step for step in report.steps if step.parent == group.path]
            assert group.parameters == sum(step.parameters for step in inside)
            assert group.flops == sum(step.flops for step in inside)
            assert inside[-1].shape == group.shape
    outside = [step for step in report.steps if step.parent is None]
    (block,) = report.blocks
    assert (block.first, block.times, block.path) == (0, 3, "h.{i}")
    assert report.parameters == sum(s.parameters for s in outside) + block.times * block.parameters
    part = next(part for part in params_report(describe(TINY)).parts if part.path == block.path)
    assert (part.count, part.times, part.label) == (block.parameters, block.times, block.label)


def test_bytes_follow_the_dtype() -> None:
    full, half = (flow_report(describe(TINY), batch=2, tokens=9, dtype=dtype) for dtype in ("fp32", "bf16"))
    logits = full.steps[-1]
    assert logits.bytes == 2 * 9 * 50257 * 4
    assert [step.bytes for step in full.steps] == [2 * step.bytes for step in half.steps]


def test_formulas_name_what_is_there() -> None:
    formulas = {step.path: step.formula for step in flow_report(describe(TINY), tokens=9).steps}
    assert formulas["wte"] == "weight[ids]"
    assert formulas["embed"] == "wte + wpe"
    assert formulas["h.0.add_1"] == "x + drop_1"
    assert formulas["h.0.attn.c_attn"] == "x @ weight.T"  # without a bias on query, key and value
    assert formulas["h.0.attn.c_proj"] == "x @ weight.T + bias"
    assert formulas["h.0.ln_1"] == "(x - mean(x)) / sqrt(var(x) + 1e-05) * weight + bias"
    plain = load_config("tiny", set_values=["bias=false", "activation=gelu"], flags={"weight_tying": True}, environ={})
    other = {step.path: step.formula for step in flow_report(describe(plain.config), tokens=9).steps}
    assert other["h.0.ln_1"].endswith("* weight")
    assert "erf" in other["h.0.mlp.act"]
    assert other["lm_head"] == "x @ wte.weight.T"


def test_more_layers_than_can_be_listed_are_refused() -> None:
    deep = load_config("tiny", set_values=["n_layers=10001"], environ={}).config
    with pytest.raises(InputError, match=r"n_layers 10,001 makes more steps than can be listed"):
        flow_report(describe(deep), tokens=1)
