"""What a number is the count of: every figure that people quote or that gptcli prints has the right first reason."""

from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gptcli.analysis.conventions import combinations, count_by, names
from gptcli.analysis.params import count_parameters, params_report
from gptcli.analysis.published import PUBLISHED
from gptcli.analysis.why import rounds_to, why_rows
from gptcli.architecture import describe
from gptcli.config import ModelConfig, load_config, preset_paths
from gptcli.reports.params import PartRow
from tests.strategies import configs

PRESETS = {name: load_config(name, environ={}).config for name in preset_paths()}
LECTURE, OPENAI = PRESETS["gpt2-124m"], PRESETS["gpt2"]

M = 10**6

# Preset, number, the step it is written in -> kind, words and count of the first reason.
FIRST: list[tuple[str, int, int, str, str, int]] = [
    # the totals
    ("gpt2-124m", 163 * M, M, "total", "untied", 163_009_536),
    ("gpt2-124m", 163_009_536, 1, "total", "untied", 163_009_536),
    ("gpt2-124m", 124 * M, M, "convention", "tied", 124_412_160),
    ("gpt2-124m", 124_400_000, 100_000, "convention", "tied", 124_412_160),
    ("gpt2-124m", 124_412_160, 1, "convention", "tied", 124_412_160),
    ("gpt2", 124 * M, M, "total", "tied", 124_439_808),
    ("gpt2", 124_400_000, 100_000, "total", "tied", 124_439_808),
    ("gpt2", 163_009_536, 1, "convention", "untied, without QKV bias", 163_009_536),
    ("gpt2", 124_412_160, 1, "convention", "tied, without QKV bias", 124_412_160),
    ("gpt2-xl", 1558 * M, M, "total", "tied", 1_557_611_200),
    # whose checkpoints, programs and pages print what
    ("gpt2-124m", 124_439_808, 1, "convention", "tied, with QKV bias", 124_439_808),
    ("gpt2-124m", 124_440_000, 10_000, "convention", "tied, with QKV bias", 124_439_808),
    ("gpt2-124m", 137 * M, M, "convention", "tied, stored causal masks counted, with QKV bias", 137_022_720),
    ("gpt2-124m", 137_022_720, 1, "convention", "tied, stored causal masks counted, with QKV bias", 137_022_720),
    ("gpt2", 137 * M, M, "convention", "tied, stored causal masks counted", 137_022_720),
    ("gpt2", 137_022_720, 1, "convention", "tied, stored causal masks counted", 137_022_720),
    ("gpt2-124m", 123_650_000, 10_000, "convention", "without position embeddings, tied, with QKV bias", 123_653_376),
    ("gpt2-124m", 123_653_376, 1, "convention", "without position embeddings, tied, with QKV bias", 123_653_376),
    ("gpt2", 123_650_000, 10_000, "convention", "without position embeddings, tied", 123_653_376),
    ("gpt2-124m", 85 * M, M, "convention", "without any embedding or output head", 85_028_352),
    ("gpt2", 85 * M, M, "convention", "without any embedding or output head", 85_056_000),
    ("gpt2", 84_934_656, 1, "convention", "the blocks' matrices alone, 12LC^2", 84_934_656),
    # the rows of `gptcli params`
    ("gpt2-124m", 38_597_376, 1, "part", "Token embedding wte", 38_597_376),
    ("gpt2", 38_597_376, 1, "part", "Token embedding wte", 38_597_376),
    ("gpt2-124m", 38_600_000, 100_000, "part", "Token embedding wte", 38_597_376),
    ("gpt2-124m", 786_432, 1, "part", "Positional embedding wpe", 786_432),
    ("gpt2-124m", 7_085_568, 1, "part", "Transformer block h.{i}, one of 12", 7_085_568),
    ("gpt2", 7_085_568, 1, "part", "Transformer block h.{i}, one of 12, without QKV bias", 7_085_568),
    ("gpt2", 7_087_872, 1, "part", "Transformer block h.{i}, one of 12", 7_087_872),
    ("gpt2-124m", 85_026_816, 1, "part", "Transformer block h.{i}, all 12", 85_026_816),
    ("gpt2-124m", 4_722_432, 1, "part", "Feed forward h.{i}.mlp, one of 12", 4_722_432),
    ("gpt2", 4_722_432, 1, "part", "Feed forward h.{i}.mlp, one of 12", 4_722_432),
    ("gpt2-124m", 2_360_064, 1, "part", "Masked multi-head attention h.{i}.attn, one of 12", 2_360_064),
    ("gpt2", 2_362_368, 1, "part", "Masked multi-head attention h.{i}.attn, one of 12", 2_362_368),
    ("gpt2-124m", 38_633_472, 1, "part", "Token embedding wte, vocabulary padded to 50304", 38_633_472),
    # names that are no counts
    ("gpt2-124m", 117 * M, M, "name", "OpenAI's first name of GPT-2 small, a miscount, preset gpt2", 124_439_808),
    ("gpt2", 117 * M, 1, "name", "OpenAI's first name of GPT-2 small, a miscount, preset gpt2", 124_439_808),
    (
        "gpt2-medium",
        345 * M,
        M,
        "name",
        "OpenAI's first name of GPT-2 medium, a miscount, preset gpt2-medium",
        354_823_168,
    ),
    (
        "gpt2-large",
        762 * M,
        M,
        "name",
        "OpenAI's first name of GPT-2 large, a miscount, preset gpt2-large",
        774_030_080,
    ),
    ("gpt2-xl", 1542 * M, M, "name", "OpenAI's first name of GPT-2 XL, a miscount, preset gpt2-xl", 1_557_611_200),
    (
        "gpt2-xl",
        1500 * M,
        100 * M,
        "name",
        "OpenAI's first name of GPT-2 XL, a miscount, preset gpt2-xl",
        1_557_611_200,
    ),
    ("gpt2-124m", 125 * M, M, "name", "GPT-3 Small, preset gpt2 with 2,048 positions", 125_226_240),
    # what other presets have
    ("gpt2-124m", 1560 * M, 10 * M, "preset", "total of preset gpt2-xl, tied", 1_557_611_200),
    ("gpt2-124m", 355 * M, M, "preset", "total of preset gpt2-medium, tied", 354_823_168),
    ("gpt2", 774 * M, M, "preset", "total of preset gpt2-large, tied", 774_030_080),
    ("gpt2-124m", 175_000 * M, 1000 * M, "preset", "total of preset gpt3-175b, tied", 174_604_259_328),
    ("gpt2-xl", 163 * M, M, "preset", "total of preset gpt2-124m, untied", 163_009_536),
    ("gpt2-124m", 406_212_608, 1, "preset", "preset gpt2-medium, untied, without QKV bias", 406_212_608),
    ("gpt2-124m", 838_220_800, 1, "preset", "preset gpt2-large, untied, without QKV bias", 838_220_800),
    ("gpt2-124m", 1_637_792_000, 1, "preset", "preset gpt2-xl, untied, without QKV bias", 1_637_792_000),
    ("gpt2-124m", 380 * M, M, "preset", "preset gpt2-medium, tied, stored causal masks counted", 379_988_992),
    ("gpt2-124m", 12_596_224, 1, "preset", "preset gpt2-medium, Transformer block h.{i}, one of 24", 12_596_224),
    # what nobody is known to count
    ("gpt2-124m", 86 * M, M, "combination", "without token embedding or output head", 85_814_784),
]


@pytest.mark.parametrize(("preset", "number", "step", "kind", "words", "parameters"), FIRST)
def test_the_first_reason(preset: str, number: int, step: int, kind: str, words: str, parameters: int) -> None:
    first = why_rows(describe(PRESETS[preset]), number, step)[0]
    assert (first.kind, ", ".join(first.conventions), first.parameters) == (kind, words, parameters)
    assert first.residual == parameters - number
    assert first.matches


def test_a_preset_that_has_the_number_is_named_beside_the_convention() -> None:
    rows = {", ".join(row.conventions): row for row in why_rows(describe(LECTURE), 124_439_808)}
    assert rows.keys() == {"tied, with QKV bias", "total of preset gpt2, tied"}
    assert "OpenAI's GPT-2 checkpoints" in str(rows["tied, with QKV bias"].used_by)


@pytest.mark.parametrize(
    ("number", "part"),
    [
        (7_087_872, "Transformer block h.{i}, one of 12"),
        (1_771_776, "Query, key, value h.{i}.attn.c_attn, one of 12"),
        (85_054_464, "Transformer block h.{i}, all 12"),
        (2_304, "Query, key, value h.{i}.attn.c_attn.bias, one of 12"),
    ],
)
def test_a_preset_that_has_the_number_is_named_beside_what_is_supposed(number: int, part: str) -> None:
    rows = [", ".join(row.conventions) for row in why_rows(describe(LECTURE), number)]
    assert rows == [f"{part}, with QKV bias", f"preset gpt2, {part}"]


def test_an_exact_number_has_no_residual() -> None:
    assert [(row.conventions, row.residual) for row in why_rows(describe(LECTURE), 163_009_536)] == [(["untied"], 0)]


def test_parts_of_one_count_are_one_row() -> None:
    (row,) = why_rows(describe(LECTURE), 38_597_376)
    assert row.also == ["Output head lm_head", "what tying the output head saves"]
    (row,) = why_rows(describe(OPENAI), 38_597_376)
    assert row.also == ["what tying the output head saves"]


@pytest.mark.parametrize("name", ["gpt2", "gpt2-124m", "gpt3-175b", "tiny", "gpt-oss-20b"])
def test_every_figure_of_the_table_is_explained_as_its_part(name: str) -> None:
    config = PRESETS[name]
    for part in _all_parts(params_report(describe(config)).parts):
        for number in {part.count, part.total} - {0}:
            first = why_rows(describe(config), number)[0]
            said = [", ".join(first.conventions), *first.also]
            assert first.kind == "part", number
            assert any(f" {part.path}" in words for words in said), (number, said)
            if part.times > 1:
                which = "one of" if number == part.count else "all"
                assert any(f" {part.path}, {which} {part.times}" in words for words in said), (number, said)


def _all_parts(parts: list[PartRow]) -> list[PartRow]:
    """Return every row of the table at its deepest, single tensors too."""
    found = []
    for part in parts:
        if part.tied_to is None:
            tensors = [
                PartRow(f"{part.path}.{n}", n, {}, prod(s), part.times, None, []) for n, s in part.shapes.items()
            ]
            found += [part, *(tensors if len(tensors) > 1 else []), *_all_parts(part.parts)]
    return found


def test_openais_first_names_are_the_counts_with_the_first_gpts_vocabulary() -> None:
    """The README of openai/gpt-2 says only that they were wrong; all four are these, to the million."""
    for preset, wide, layers, name in (
        ("gpt2", 768, 12, 117 * M),
        ("gpt2-medium", 1024, 24, 345 * M),
        ("gpt2-large", 1280, 36, 762 * M),
        ("gpt2-xl", 1600, 48, 1542 * M),
    ):
        with_40_478 = count_parameters(describe(PRESETS[preset])) - (50_257 - 40_478) * wide
        assert rounds_to(with_40_478, name, M)
        assert PRESETS[preset].n_layers == layers
        assert f"{with_40_478:,}" in str(why_rows(describe(LECTURE), name, M)[0].used_by)


def test_every_published_name_is_its_count_as_changed() -> None:
    for name in PUBLISHED:
        changed = count_parameters(describe(replace(PRESETS[name.preset], **name.changed)))
        assert abs(changed - name.number) < name.number / 30


def test_the_nearest_where_none_fits() -> None:
    rows = why_rows(describe(LECTURE), 110 * M, M)
    assert 1 < len(rows) < 10
    assert not any(row.matches for row in rows)
    residuals = [abs(row.residual) for row in rows]
    assert residuals == sorted(residuals)
    assert residuals[0] <= min(abs(count_by(describe(LECTURE), each) - 110 * M) for each in combinations(LECTURE))
    assert len({row.parameters for row in rows}) == len(rows)


def test_zeros_are_rounding_only_where_nothing_has_the_number() -> None:
    assert why_rows(describe(LECTURE), 124_000_000) == why_rows(describe(LECTURE), 124_000_000, M)
    assert [row.parameters for row in why_rows(describe(LECTURE), 124_410_000)] == [124_412_160]
    exact = why_rows(
        describe(ModelConfig(vocab_size=100, context_length=10, emb_dim=100, n_heads=1, n_layers=1)), 10_000
    )
    assert exact[0].residual == 0


def test_a_coarse_number_says_nothing_about_other_models() -> None:
    assert all(row.kind != "preset" for row in why_rows(describe(LECTURE), 100 * M, 100 * M))
    # gpt2-large's attention has 6,558,720 in each block
    assert [row.conventions for row in why_rows(describe(LECTURE), 6_600_000, 100_000)] == [
        ["total of preset tiny", "untied"]
    ]


def test_three_digits_are_never_rounding() -> None:
    assert not any(row.matches for row in why_rows(describe(LECTURE), 110 * M))
    assert not any(row.matches for row in why_rows(describe(LECTURE), 120 * M))


def test_a_name_is_near_to_nothing() -> None:
    assert why_rows(describe(LECTURE), 124_439_800)[0].kind == "convention"


def test_a_tied_head_is_not_near_to_a_small_number() -> None:
    assert why_rows(describe(OPENAI), 3)[0].parameters == 768


def test_a_preset_under_another_name_is_not_another_preset() -> None:
    assert [row.kind for row in why_rows(describe(replace(LECTURE, name="mine")), 163_009_536)] == ["total"]


@settings(max_examples=50, deadline=None)
@given(configs(), st.data())
def test_every_combination_explains_its_own_count(config: ModelConfig, data: st.DataObject) -> None:
    convention = data.draw(st.sampled_from(combinations(config)))
    rows = why_rows(describe(config), count_by(describe(config), convention))
    assert all(row.residual == 0 and row.matches for row in rows)
    assert names(config, convention) in [row.conventions for row in rows]


@settings(max_examples=50, deadline=None)
@given(configs())
def test_the_models_own_total_comes_first(config: ModelConfig) -> None:
    first = why_rows(describe(config), count_parameters(describe(config)))[0]
    assert (first.kind, first.residual) == ("total", 0)


@pytest.mark.parametrize(
    ("value", "number", "step", "expected"),
    [
        (10, 10, 1, True),
        (11, 10, 1, False),
        (1_499, 1_000, 1_000, True),
        (1_500, 1_000, 1_000, True),
        (1_501, 1_000, 1_000, False),
        (500, 1_000, 1_000, True),
        (499, 1_000, 1_000, False),
    ],
)
def test_rounding(value: int, number: int, step: int, expected: bool) -> None:
    assert rounds_to(value, number, step) is expected
