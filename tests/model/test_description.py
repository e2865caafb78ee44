"""What could drift between the description and the modules: names, shapes, steps."""

import pytest
import torch
from hypothesis import given, settings

from gptcli.architecture import AttentionPath, describe, each_weight, shape_sizes, sizes_of, steps
from gptcli.config import ModelConfig, load_config, preset_paths
from gptcli.model.forward import ForwardOptions, build
from gptcli.model.gpt import GPT
from gptcli.model.tap import observed
from tests.strategies import configs


def _assert_same_parameters(config: ModelConfig) -> None:
    network, sizes = describe(config), sizes_of(config)
    described = {w.path: shape_sizes(w.shape, sizes) for w in each_weight(network, sizes) if not w.tied_to}
    model = GPT(network, device="meta")
    built = {path: tuple(parameter.shape) for path, parameter in model.named_parameters()}
    assert list(built.items()) == list(described.items())
    tied = {w.path: w.tied_to for w in each_weight(network, sizes) if w.tied_to}
    for path, target in tied.items():
        assert target is not None
        assert model.get_parameter(path) is model.get_parameter(target)


@pytest.mark.parametrize("name", [n for n in preset_paths() if n not in ("gpt3-175b", "llama-3.1-405b", "deepseek-v3")])
@pytest.mark.parametrize("tied", [True, False])
def test_parameters_of_the_presets(name: str, tied: bool) -> None:
    _assert_same_parameters(load_config(name, flags={"weight_tying": tied}, environ={}).config)


@settings(max_examples=25, deadline=None)
@given(configs())
def test_parameters_of_any_config(config: ModelConfig) -> None:
    _assert_same_parameters(config)


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize(("batch", "tokens"), [(1, 1), (2, 5), (3, 16)])
def test_a_tapped_forward_yields_exactly_the_described_steps(
    attention: AttentionPath, dropout: bool, batch: int, tokens: int
) -> None:
    config = ModelConfig(vocab_size=50, context_length=16, emb_dim=12, n_heads=3, n_layers=2, drop_rate=0.2)
    model = build(describe(config), ForwardOptions(attention=attention, dropout=dropout))
    seen: list[tuple[str, tuple[int, ...]]] = []
    with torch.no_grad(), observed(model, lambda path, x: seen.append((path, tuple(x.shape)))):
        model(torch.zeros(batch, tokens, dtype=torch.long))
    sizes = sizes_of(config, batch, tokens)
    listed = [(step.path, shape_sizes(step.shape, sizes)) for step in steps(describe(config, attention), sizes)]
    assert seen == listed


def test_every_step_reads_what_came_before() -> None:
    config = load_config("tiny", environ={}).config
    known = {"ids", "positions"}
    for step in steps(describe(config), sizes_of(config)):
        assert set(step.reads) <= known, step
        known.add(step.path)


@settings(max_examples=10, deadline=None)
@given(configs())
def test_both_attention_paths_give_the_same_logits(config: ModelConfig) -> None:
    ids = torch.arange(min(config.context_length, 9)).remainder(config.vocab_size)[None]
    with torch.no_grad():
        fused = build(describe(config), ForwardOptions(attention="sdpa"))(ids)
        explicit = build(describe(config), ForwardOptions(attention="explicit"))(ids)
    torch.testing.assert_close(fused, explicit, rtol=1e-4, atol=1e-5)
