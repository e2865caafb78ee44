"""Ways of counting parameters: the figures people quote, each found again in what it is said to count."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gptcli.analysis.conventions import (
    BODY,
    Convention,
    combinations,
    convention_rows,
    count_by,
    names,
    rounds_to,
    why_rows,
)
from gptcli.analysis.params import count_tied_and_untied
from gptcli.config import ModelConfig, load_config
from gptcli.model.forward import ForwardOptions, build
from tests.strategies import configs

LECTURE = load_config("gpt2-124m", environ={}).config
OPENAI = load_config("gpt2", environ={}).config

M = 10**6


@pytest.mark.parametrize(
    ("number", "step", "expected"),
    [
        (163 * M, M, {"untied": 163_009_536}),
        (163_009_536, 1, {"untied": 163_009_536}),
        (124 * M, M, {"tied": 124_412_160, "tied, with QKV bias": 124_439_808}),
        (124_440_000, 10_000, {"tied, with QKV bias": 124_439_808}),
        (124_439_808, 1, {"tied, with QKV bias": 124_439_808}),
        (137 * M, M, {"tied, stored causal masks counted, with QKV bias": 124_439_808 + 12 * 1024 * 1024}),
        (137_022_720, 1, {"tied, stored causal masks counted, with QKV bias": 137_022_720}),
        (
            85 * M,
            M,
            {"without any embedding or output head": 85_028_352, "the blocks' matrices alone, 12LC^2": 84_934_656},
        ),
        # nanoGPT prints "number of parameters: 123.65M" for OpenAI's weights
        (123_650_000, 10_000, {"without position embeddings, tied, with QKV bias": 123_653_376}),
    ],
)
def test_the_names_of_one_model(number: int, step: int, expected: dict[str, int]) -> None:
    rows = why_rows(LECTURE, number, step)
    found = {", ".join(row.conventions): row.parameters for row in rows}
    assert expected.items() <= found.items()
    assert all(rounds_to(row.parameters, number, step) for row in rows)
    assert all(row.residual == row.parameters - number for row in rows)


def test_an_exact_number_has_no_residual() -> None:
    assert [(row.conventions, row.residual) for row in why_rows(LECTURE, 163_009_536)] == [(["untied"], 0)]


def test_the_simplest_comes_first() -> None:
    assert why_rows(LECTURE, 163 * M, M)[0].conventions == ["untied"]
    assert why_rows(OPENAI, 124 * M, M)[0].conventions == ["tied"]
    assert why_rows(LECTURE, 85 * M, M)[0].conventions == ["without any embedding or output head"]


def test_the_nearest_where_none_fits() -> None:
    rows = why_rows(LECTURE, 117 * M, M)  # what OpenAI first wrote, by an error that they corrected
    assert 1 < len(rows) < 10
    residuals = [abs(row.residual) for row in rows]
    assert residuals == sorted(residuals)
    assert residuals[0] == min(abs(count_by(LECTURE, each) - 117 * M) for each in combinations(LECTURE))


def test_conventions_in_use() -> None:
    rows = {row.name: row.parameters for row in convention_rows(LECTURE)}
    body = 85_026_816 + 2 * 768
    assert rows == {
        "untied": 163_009_536,
        "tied": 124_412_160,
        "tied, with QKV bias": 124_439_808,
        "without position embeddings, tied, with QKV bias": 124_439_808 - 1024 * 768,
        "without embedding tables, with an untied head": body + 50257 * 768,
        "without any embedding or output head": body,
        "the blocks' matrices alone, 12LC^2": 12 * 12 * 768**2,
        "tied, vocabulary padded to 50304, with QKV bias": 124_439_808 + (50304 - 50257) * 768,
        "tied, vocabulary padded to 50304, bias-free": 124_373_760,
        "tied, stored causal masks counted, with QKV bias": 124_439_808 + 12 * 1024**2,
        "tied, stored causal masks and masked_bias counted, with QKV bias": 124_439_808 + 12 * (1024**2 + 1),
        "tied, bias-free": 124_337_664,
    }
    assert all(row.used_by for row in convention_rows(LECTURE))


@pytest.mark.parametrize(
    ("entries", "padded"), [(1, 64), (63, 64), (64, 64), (65, 128), (100, 128), (129, 192), (50257, 50304)]
)
def test_a_padded_vocabulary_is_a_multiple_of_64(entries: int, padded: int) -> None:
    """nanoGPT's train.py: ``vocab_size`` "GPT-2 vocab_size of 50257, padded up to nearest multiple of 64"."""
    config = replace(LECTURE, vocab_size=entries)
    more = count_by(config, Convention(padded=True)) - count_by(config, Convention())
    assert more == 2 * (padded - entries) * 768
    words = [] if padded == entries else [f"vocabulary padded to {padded}"]
    assert names(config, Convention(padded=True)) == ["untied", *words]


@given(configs())
def test_the_plain_conventions_are_the_totals(config: ModelConfig) -> None:
    totals = count_tied_and_untied(config)
    assert count_by(config, Convention(tied=False)) == totals.untied
    assert count_by(config, Convention(tied=True)) == totals.tied


@given(configs())
def test_the_matrices_are_twelve_l_c_squared(config: ModelConfig) -> None:
    assert count_by(config, Convention(parts="matrices")) == 12 * config.n_layers * config.emb_dim**2


@settings(max_examples=20, deadline=None)
@given(configs(largest=3))
def test_counts_are_those_of_the_modules(config: ModelConfig) -> None:
    model = build(config, ForwardOptions())
    parameters = {name: parameter.numel() for name, parameter in model.named_parameters()}
    own = dict(parameters)
    bias_free = sum(n for name, n in own.items() if not name.endswith(".bias"))
    body = sum(n for name, n in own.items() if not name.startswith(("wte.", "wpe.", "lm_head.")))
    assert count_by(config, Convention(biases="none")) == bias_free
    assert count_by(config, Convention(parts="no positions")) == sum(own.values()) - own["wpe.weight"]
    assert count_by(config, BODY) == body


@given(configs())
def test_combinations_differ_in_words(config: ModelConfig) -> None:
    words = [", ".join(names(config, convention)) for convention in combinations(config)]
    assert len(words) == len(set(words))


@given(configs(), st.data())
def test_every_combination_explains_its_own_count(config: ModelConfig, data: st.DataObject) -> None:
    convention = data.draw(st.sampled_from(combinations(config)))
    rows = why_rows(config, count_by(config, convention))
    assert all(row.residual == 0 for row in rows)
    assert names(config, convention) in [row.conventions for row in rows]


@given(configs())
def test_every_convention_in_use_is_a_combination(config: ModelConfig) -> None:
    words = {", ".join(names(config, convention)) for convention in combinations(config)}
    assert {row.name for row in convention_rows(config)} <= words


@pytest.mark.parametrize(
    ("value", "number", "step", "expected"),
    [
        (10, 10, 1, True),
        (11, 10, 1, False),
        (1_499, 1_000, 1_000, True),
        (1_500, 1_000, 1_000, True),
        (1_501, 1_000, 1_000, False),
    ],
)
def test_rounding(value: int, number: int, step: int, expected: bool) -> None:
    assert rounds_to(value, number, step) is expected
