"""Counts: the published ones, and laws that hold for every config."""

import pytest
from hypothesis import given
from msgspec.structs import replace

from gptcli.analysis.explain import explain_params
from gptcli.analysis.params import count_parameters, count_tied_and_untied, params_report
from gptcli.architecture import describe
from gptcli.config import ModelConfig, load_config
from tests.strategies import configs

# What OpenAI's checkpoints hold (tied), and what the lecture's networks print (untied).
PUBLISHED = [
    ("gpt2-124m", False, 163_009_536, 124_412_160),
    ("gpt2-124m", True, 163_037_184, 124_439_808),
    ("gpt2-medium", True, 406_286_336, 354_823_168),
    ("gpt2-large", True, 838_359_040, 774_030_080),
    ("gpt2-xl", True, 1_638_022_400, 1_557_611_200),
]


@pytest.mark.parametrize(("name", "bias", "untied", "tied"), PUBLISHED)
def test_published_counts(name: str, bias: bool, untied: int, tied: int) -> None:
    config = load_config(name, set_values=[f"qkv_bias={str(bias).lower()}"], environ={}).config
    assert count_parameters(describe(replace(config, weight_tying=False))) == untied
    assert count_parameters(describe(replace(config, weight_tying=True))) == tied


@given(configs())
def test_tying_saves_one_embedding(config: ModelConfig) -> None:
    totals = count_tied_and_untied(describe(config))
    assert totals.untied - totals.tied == config.vocab_size * config.emb_dim


@given(configs())
def test_rows_add_up_to_the_total(config: ModelConfig) -> None:
    report = params_report(describe(config), list_weights=True)
    assert report.weights is not None
    assert sum(weight.count for weight in report.weights) == report.total
    assert sum(part.total for part in report.parts) == report.total
    for part in report.parts:
        if part.parts:
            assert sum(child.total for child in part.parts) == part.total


@given(configs())
def test_counts_grow_by_one_block_a_layer(config: ModelConfig) -> None:
    one, two, three = (count_parameters(describe(replace(config, n_layers=n))) for n in (1, 2, 3))
    assert three - two == two - one > 0


def test_a_tied_weight_is_listed_with_its_shape_and_counts_nothing() -> None:
    report = params_report(describe(load_config("gpt2", environ={}).config), list_weights=True)
    assert report.weights is not None
    head = report.weights[-1]
    assert (head.path, head.shape, head.count, head.tied_to) == ("lm_head.weight", (50257, 768), 0, "wte.weight")


def test_without_the_list_the_cost_does_not_depend_on_the_layers() -> None:
    config = load_config("gpt3-175b", environ={}).config
    few, many = (params_report(describe(replace(config, n_layers=n))) for n in (1, 10**6))
    assert len(few.parts) == len(many.parts)
    assert many.weights is None


def test_every_weight_is_explained_by_what_it_holds() -> None:
    config = ModelConfig(
        vocab_size=11, context_length=7, emb_dim=6, n_heads=2, n_layers=3, qkv_bias=True, weight_tying=True
    )
    total, *lines = explain_params(describe(config))
    in_blocks = {"ln_1": (6, 6), "attn.c_attn": (18 * 6, 18), "attn.c_proj": (36, 6), "ln_2": (6, 6)}
    in_blocks |= {"mlp.c_fc": (24 * 6, 24), "mlp.c_proj": (6 * 24, 6)}
    expected = {"wte.weight": 66, "wpe.weight": 42, "ln_f.weight": 6, "ln_f.bias": 6}
    for path, (weight, bias) in in_blocks.items():
        expected |= {f"h.{{i}}.{path}.weight": 3 * weight, f"h.{{i}}.{path}.bias": 3 * bias}
    assert {line.name: line.value for line in lines} == expected
    assert total.value == sum(expected.values())
