"""A network of two kinds of layer in a pattern: each run of equal layers is listed, and all figures add up."""

import pytest

from gptcli.analysis.flops import flops_report
from gptcli.analysis.flow import flow_report
from gptcli.analysis.params import params_report
from gptcli.architecture import AttentionPath
from tests.patterned import LONG, NARROW, SMALL, patterned

C, H, T, V, S = 64, 4, 9, 50257, 256  # of tiny
ATTENTION = 3 * C * C + C * C + C  # query, key and value have no bias
NORMS = 2 * 2 * C


def parameters(f: int) -> int:
    return ATTENTION + NORMS + (C * f + f) + (f * C + C)


def flops(f: int) -> int:
    return 2 * T * (4 * C * C + 2 * C * f) + 2 * 2 * T * T * C


def test_each_run_of_equal_layers_is_listed() -> None:
    report = flow_report(patterned(), tokens=T)
    a, b = (parameters(4 * C), flops(4 * C)), (parameters(NARROW), flops(NARROW))
    listed = [(each.first, each.times, each.path, each.parameters, each.flops) for each in report.blocks]
    assert listed == [
        (0, 2, "h.{0..1,3..4}", *a),
        (2, 1, "h.{2,5}", *b),
        (3, 2, "h.{0..1,3..4}", *a),
        (5, 1, "h.{2,5}", *b),
    ]
    assert {each.label for each in report.blocks} == {"Transformer block"}
    assert len(flow_report(patterned(LONG), tokens=1).blocks) == 21


@pytest.mark.parametrize("attention", ["explicit", "sdpa"])
def test_the_figures_of_all_reports_add_up(attention: AttentionPath) -> None:
    network = patterned(attention=attention)
    report = flow_report(network, tokens=T)
    total = 2 * V * C + S * C + 2 * C + 4 * parameters(4 * C) + 2 * parameters(NARROW)
    passed = 2 * T * C * V + 4 * flops(4 * C) + 2 * flops(NARROW)
    steps = [step for step in report.steps if not step.group]
    assert sum(step.parameters for step in steps) == report.parameters == total
    assert sum(step.flops for step in steps) == report.forward_flops == passed
    outside = [step for step in steps if step.block is None]
    assert total == sum(s.parameters for s in outside) + sum(b.times * b.parameters for b in report.blocks)
    assert passed == sum(s.flops for s in outside) + sum(b.times * b.flops for b in report.blocks)
    counted = params_report(network, list_weights=True)
    assert (counted.total, sum(weight.count for weight in counted.weights or ())) == (total, total)
    assert flops_report(network, tokens=T).forward_flops == passed


def test_every_layers_steps_have_its_own_sizes_and_formulas() -> None:
    report = flow_report(patterned(), tokens=T)
    widths = {s.block: s.shape[-1] for s in report.steps if s.path.endswith("mlp.c_fc")}
    assert widths == {number: NARROW if kind == "B" else 4 * C for number, kind in enumerate(SMALL)}
    exact = {s.block: "erf" in s.formula for s in report.steps if s.path.endswith("mlp.act")}
    assert exact == {number: kind == "B" for number, kind in enumerate(SMALL)}
    weights = {s.block: s.weights["weight"] for s in report.steps if s.path.endswith("mlp.c_proj")}
    assert weights[5] == (C, NARROW)
    first = [s.reads for s in report.steps if s.path.endswith("ln_1")]
    assert first == [["drop"], *([f"h.{number}.add_2"] for number in range(5))]


def test_kinds_are_counted_once_with_their_numbers() -> None:
    parts = {part.path: part for part in params_report(patterned()).parts}
    assert (parts["h.{0..1,3..4}"].times, parts["h.{0..1,3..4}"].count) == (4, parameters(4 * C))
    assert (parts["h.{2,5}"].times, parts["h.{2,5}"].count) == (2, parameters(NARROW))
    rows = {row.path: (row.flops, row.times) for row in flops_report(patterned(), tokens=T).parts}
    assert rows["h.{2,5}.mlp.c_fc"] == (2 * T * C * NARROW, 2)
    assert rows["h.{0..1,3..4}.mlp.c_fc"] == (2 * T * C * 4 * C, 4)
