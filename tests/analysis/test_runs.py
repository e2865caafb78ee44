"""A network of several kinds of layer in a pattern: counted, run and measured to the byte."""

from typing import Any

import pytest
import torch
from msgspec.structs import replace

from gptcli.analysis.flops import flops_report
from gptcli.analysis.flow import flow_report
from gptcli.analysis.memory import ledger, memory_report
from gptcli.analysis.params import count_parameters, params_report
from gptcli.analysis.passes import swept
from gptcli.analysis.workload import Workload
from gptcli.api.figures import checks, measured_run
from gptcli.api.runs import on_this_processor
from gptcli.architecture import Network, Stack, each_weight, shape_sizes
from gptcli.architecture.network import Layer, Run
from gptcli.architecture.plan import Plan, build, plan_of
from gptcli.config import ModelConfig
from gptcli.model import measure
from gptcli.model.gpt import GPT
from gptcli.model.initialize import initialize

CONFIG = ModelConfig(
    vocab_size=97, context_length=24, emb_dim=24, n_heads=3, n_layers=1, drop_rate=0.1, bias=True, qkv_bias=True
)


def patterned(periods: int, **config: Any) -> Plan:
    """Layer norms, and RMSNorm in every third layer, whose feed forward is narrower and whose heads are others.

    One more layer of the first kind comes last.
    """
    plan = plan_of(replace(CONFIG, **config))
    layer = plan.final
    other = replace(layer, norm="rms_norm", exact_gelu=True, sizes=(("F", 40), ("H", 6), ("G", 6), ("D", 4)))
    runs = ((((layer, 2), (other, 1)), periods), (((layer, 1),), 1))
    depth = 3 * periods + 1
    named = replace(plan.config, n_layers=depth)
    return replace(plan, config=named, runs=runs, sizes={**plan.sizes, "L": depth})


def network(periods: int, attention: Any = "sdpa", **config: Any) -> Network:
    return build(patterned(periods, **config), attention)


@pytest.mark.parametrize("periods", [1, 2, 5])
def test_it_is_counted_as_torch_counts(periods: int) -> None:
    described = network(periods)
    model = GPT(described, device="meta")
    names = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    own = {**CONFIG_SIZES, "L": 3 * periods + 1}
    assert names == {w.path: shape_sizes(w.shape, own) for w in each_weight(described, described.sizes)}
    assert count_parameters(described) == sum(parameter.numel() for parameter in model.parameters())
    parts = params_report(described).parts
    assert sum(part.total for part in parts) == count_parameters(described)
    kinds = [(part.path, part.times) for part in parts if part.path.startswith("h.")]
    last = 3 * periods
    assert [times for _, times in kinds] == [2 * periods + 1, periods]
    assert kinds[0][0].startswith("h.{0..1,3")
    assert str(last) in kinds[0][0] or periods > 2  # of many ranges the first few are named


CONFIG_SIZES = plan_of(CONFIG).sizes

STEPS = [
    {"mode": "inference"},
    {"mode": "inference", "dtype": "bf16"},
    {"mode": "training"},
    {"mode": "training", "recompute": "block"},
    {"mode": "training", "amp": True, "optimizer": "sgd"},
    {"mode": "training", "attention": "explicit", "dtype": "bf16"},
    {"mode": "training", "attention": "explicit", "recompute": "block", "amp": True},
    {"mode": "training", "optimizer": "adam", "optimizer_impl": "for-loop"},
]


@pytest.mark.slow
@pytest.mark.parametrize("periods", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: " ".join(map(str, step.values())))
def test_every_phase_is_measured_to_the_byte(periods: int, step: dict[str, Any]) -> None:
    options = on_this_processor(Workload(batch=2, tokens=7, **step))
    described = network(periods, options.attention, weight_tying=periods % 2 == 0)
    memory, run = swept(described, options), measured_run(options, fake=True)
    if options.mode == "training":
        measured = measure.training_step(described, run)
        assert (memory.peak, memory.phases) == (measured.peak, measured.phases)
    else:
        assert memory.peak == measure.forward_pass(described, run).peak
    assert sum(line.bytes for line in ledger(memory)) == memory.peak


@pytest.mark.parametrize("periods", [1, 3])
def test_every_figure_of_verify_holds(periods: int) -> None:
    training = Workload(batch=2, tokens=9, mode="training")
    inference = replace(training, mode="inference")
    found = list(checks(network(periods), inference, training, fake=True))
    assert [(check.name, check.error) for check in found if check.error] == []
    assert len(found) > 10


def test_a_sweep_is_independent_of_the_depth() -> None:
    options = Workload(tokens=8, mode="training")
    few, many, more = (swept(network(periods), options) for periods in (10, 1000, 1001))
    assert len(many.journal) - len(few.journal) < 100  # what is repeated is noted once a kind of tensor
    assert more.peak - many.peak == many.peak - swept(network(999), options).peak


def test_flops_and_explanations_are_those_of_every_kind() -> None:
    described = network(2)
    report = flops_report(described, batch=2, tokens=9, explain=True)
    forward, training = measure.flops(described, measured_run(Workload(batch=2, tokens=9), fake=False))
    assert (report.forward_flops, report.training_flops) == (forward, training)
    explained = memory_report(described, Workload(tokens=9, mode="generate"), explain=True)
    assert explained.explanations is not None
    lines = {line.name: line for line in explained.explanations}
    assert lines["Weights"].value == explained.weights_bytes
    assert lines["KV cache"].value == explained.kv_cache_bytes
    peak = sum(line.value for name, line in lines.items() if name.startswith("Peak: "))
    assert peak == explained.peak_bytes


def test_every_layer_computes_what_its_kind_says() -> None:
    """Against the equations: the norms and the activation of each layer, seen at the layers of the runner."""
    model = GPT(network(1, drop_rate=0.0)).eval()
    initialize(model, "torch", 1)
    seen: dict[str, torch.Tensor] = {}
    model.tap.listener = seen.__setitem__
    with torch.no_grad():
        model(torch.tensor([[1, 2, 3, 4]]))
    before = {0: seen["drop"], 2: seen["h.1.add_2"], 3: seen["h.2.add_2"]}
    for index, x in before.items():
        mean = 0 if index == 2 else x.mean(-1, keepdim=True)
        square = (x - mean).square().mean(-1, keepdim=True)
        torch.testing.assert_close(seen[f"h.{index}.ln_1"], (x - mean) / (square + 1e-5).sqrt())
    hidden = seen["h.2.mlp.c_fc"]
    assert hidden.shape[-1] == 40
    torch.testing.assert_close(seen["h.2.mlp.act"], hidden / 2 * (1 + torch.erf(hidden / 2**0.5)))
    assert seen["h.2.attn.heads"].shape == (3, 1, 6, 4, 4)
    assert seen["h.3.attn.heads"].shape == (3, 1, 3, 4, 8)


def test_layers_of_other_sizes_may_share_their_parts() -> None:
    plan = plan_of(replace(CONFIG, n_layers=2))
    described = build(plan)
    body = next(described.stack.layers()).body
    runs = (Run(((Layer(body), 1), (Layer(body, (("F", 40),)), 1)), 1),)
    parts = tuple((n, replace(node, runs=runs) if isinstance(node, Stack) else node) for n, node in described.parts)
    shared = replace(described, parts=parts)
    listed = {step.path: step for step in flow_report(shared, tokens=5).steps}
    assert listed["h.0.mlp.c_fc"].weights["weight"] == (96, 24)
    assert listed["h.1.mlp.c_fc"].weights["weight"] == (40, 24)
    assert listed["h.1.mlp.c_fc"].flops == 2 * 5 * 24 * 40
    counted = sum(step.parameters for step in listed.values() if not step.group)
    model = GPT(shared, device="meta")
    assert counted == count_parameters(shared) == sum(parameter.numel() for parameter in model.parameters())
    assert flops_report(shared, tokens=5).forward_flops == flow_report(shared, tokens=5).forward_flops


def test_conventions_count_the_heads_of_every_layer() -> None:
    """Against the owners' formulas, summed by hand: 5 layers of 3 heads 8 wide, 2 of 6 heads 4 wide."""
    described = network(2)
    batch, tokens = 2, 9
    report = flops_report(described, batch=batch, tokens=tokens)
    width, heads = 5 * 3 * 8 + 2 * 6 * 4, 5 * 3 + 2 * 6
    looked_up = 97 * 24
    palm = (6 * (count_parameters(described) - looked_up) + 12 * width * tokens) * batch * tokens
    assert report.conventions["palm_mfu"] == palm
    softmax = 3 * batch * heads * tokens * tokens
    difference = report.conventions["chinchilla_appendix_f"] - 3 * report.forward_flops
    assert difference == 3 * (softmax + 2 * batch * tokens * 97 * 24)


def test_counts_of_several_kinds_of_layer_are_numbers() -> None:
    explained = memory_report(network(2), Workload(tokens=9, mode="training"), explain=True).explanations
    assert explained is not None
    assert not any("L" in line.formula for line in explained if line.name.startswith("Peak: "))
