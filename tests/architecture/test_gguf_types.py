"""llama.cpp's choice of types, against its own snapshots (tests/snapshots/*.schema) and the rules read plainly."""

from collections import Counter
from itertools import product

import pytest

from gptcli.architecture.gguf_types import FILE_TYPES, FileType, _holds, _layers, types_of
from gptcli.architecture.quantizable import Facts, Purpose, Quantizable
from gptcli.errors import InputError
from tests.architecture.published import LLAMA_2_7B, LLAMA_31_8B, LLAMA_31_70B, MIXTRAL

# Layers with more bits, from the snapshots of qwen3-0.6b, gpt-oss-120b and qwen3.5-27b under [Q4_K_M].
MORE = {
    28: [0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 24, 25, 26, 27],
    36: [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 31, 32, 33, 34, 35],
    64: [0, 1, 2, 3, 4, 5, 6, 7, 10, 13, 16, 19, 22, 25, 28, 31, 34, 37, 40, 43, 46, 49, 52, 55, *range(56, 64)],
}


def _types(file: str, weight: Quantizable, facts: Facts) -> dict[str, int]:
    return {type_.name: amount for type_, amount in types_of(FILE_TYPES[file], weight, facts).items()}


def _weight(purpose: Purpose, layers: int, columns: int = 1024) -> Quantizable:
    return Quantizable(purpose, purpose, 1, 512, columns, (range(layers),))


@pytest.mark.parametrize("depth", MORE)
def test_layers_with_more_bits(depth: int) -> None:
    assert sorted(number for row in _layers("more", depth) for number in row) == MORE[depth]


# Of the same snapshots: types of so many layers, for those that the snapshot lists; others have the default.
SNAPSHOTS: list[tuple[int, int, str, Purpose, dict[str, int]]] = [
    (28, 2, "q4_k_m", "value", {"Q6_K": 14, "Q4_K": 14}),
    (28, 2, "q4_k_m", "down", {"Q6_K": 14, "Q4_K": 14}),
    (28, 2, "q4_k_m", "key", {"Q4_K": 28}),
    (28, 2, "q4_k_s", "value", {"Q5_K": 4, "Q4_K": 24}),
    (28, 2, "q4_k_s", "down", {"Q5_K": 3, "Q4_K": 25}),
    (28, 2, "q5_k_m", "value", {"Q6_K": 14, "Q5_K": 14}),
    (28, 2, "q5_k_s", "value", {"Q5_K": 28}),
    (28, 2, "q2_k", "value", {"Q3_K": 28}),
    (28, 2, "q2_k", "attention output", {"Q3_K": 28}),
    (28, 2, "q2_k", "down", {"Q3_K": 28}),
    (28, 2, "q2_k_s", "down", {"Q4_K": 3, "Q2_K": 25}),
    (28, 2, "q3_k_s", "value", {"Q3_K": 28}),
    (28, 2, "q3_k_m", "value", {"Q5_K": 2, "Q4_K": 26}),
    (28, 2, "q3_k_m", "down", {"Q5_K": 1, "Q4_K": 27}),
    (28, 2, "q3_k_m", "attention output", {"Q4_K": 28}),
    (28, 2, "q3_k_l", "down", {"Q5_K": 28}),
    (28, 2, "q3_k_l", "attention output", {"Q5_K": 28}),
    (28, 2, "iq2_xs", "value", {"Q2_K": 28}),
    (28, 2, "iq2_xs", "down", {"Q2_K": 3, "IQ2_XS": 25}),
    (28, 2, "iq3_xs", "query", {"IQ3_XXS": 28}),
    (28, 2, "iq3_xs", "gate", {"IQ3_XXS": 21, "IQ3_S": 7}),
    (28, 2, "iq3_xxs", "key", {"IQ2_S": 28}),
    (28, 2, "iq3_xxs", "attention output", {"IQ3_S": 28}),
    (36, 8, "q4_k_m", "down", {"Q6_K": 18, "Q4_K": 18}),
    (36, 8, "q2_k", "value", {"Q4_K": 36}),
    (36, 8, "q2_k_s", "value", {"Q4_K": 36}),
    (36, 8, "iq2_xxs", "value", {"Q4_K": 36}),
    (64, 6, "q4_k_s", "query, key, value", {"Q5_K": 4, "Q4_K": 60}),
    (64, 6, "q4_k_m", "query, key, value", {"Q6_K": 32, "Q4_K": 32}),
    (80, 8, "q3_k_s", "value", {"Q5_K": 80}),
    (80, 8, "q2_k", "value", {"Q5_K": 80}),
    (80, 8, "q3_k_m", "value", {"Q5_K": 80}),
]


@pytest.mark.parametrize(("depth", "grouping", "file", "purpose", "expected"), SNAPSHOTS)
def test_types_in_layers(depth: int, grouping: int, file: str, purpose: Purpose, expected: dict[str, int]) -> None:
    facts = Facts(layers=depth, tied=False, grouping=grouping)
    assert _types(file, _weight(purpose, depth), facts) == expected


@pytest.mark.parametrize(
    ("file", "columns", "expected"),
    [
        ("q4_k_m", 1024, "Q6_K"),
        ("q4_0", 1024, "Q6_K"),
        ("q4_0", 2880, "Q8_0"),  # gpt-oss: of blocks of 32, but Q6_K has 256
        ("q4_k_m", 2880, "Q8_0"),
        ("q8_0", 1024, "Q8_0"),
        ("iq2_xxs", 1024, "Q5_K"),
        ("iq3_xxs", 1024, "Q5_K"),
        ("mxfp4_moe", 1024, "Q8_0"),
    ],
)
def test_the_head(file: str, columns: int, expected: str) -> None:
    """And the token table, where it is the head."""
    for purpose, tied in (("head", False), ("token table", True)):
        weight = Quantizable("x", purpose, 1, 99, columns)  # type: ignore[arg-type]
        assert _types(file, weight, Facts(layers=2, tied=tied)) == {expected: 1}


@pytest.mark.parametrize(
    ("file", "expected"), [("q4_k_m", "Q4_K"), ("iq2_xs", "Q2_K"), ("iq3_xxs", "IQ3_S"), ("tq1_0", "Q4_K")]
)
def test_a_token_table_of_its_own(file: str, expected: str) -> None:
    weight = Quantizable("x", "token table", 1, 99, 1024)
    assert _types(file, weight, Facts(layers=2, tied=False)) == {expected: 1}


@pytest.mark.parametrize("file", FILE_TYPES)
@pytest.mark.parametrize("purpose", ["vector", "position table", "router"])
def test_what_is_never_quantised(file: str, purpose: Purpose) -> None:
    assert _types(file, _weight(purpose, 2, 8), Facts(layers=2, tied=False)) == {"F32": 2}


def test_eight_experts() -> None:
    _, facts = MIXTRAL
    given: dict[Purpose, str] = {"value": "Q8_0", "key": "Q8_0", "attention output": "Q5_K", "query": "Q4_K"}
    for purpose, expected in given.items():
        assert _types("q4_k_m", _weight(purpose, 32), facts) == {expected: 32}
    assert _types("q3_k_l", _weight("attention output", 32), facts) == {"Q3_K": 32}
    assert _types("iq2_xs", _weight("key", 32), facts) == {"Q4_K": 32}


def test_experts_alone_in_mxfp4() -> None:
    facts = Facts(layers=2, tied=False, experts=4)
    assert _types("mxfp4_moe", Quantizable("x", "down", 4, 8, 64, (range(2),)), facts) == {"MXFP4": 2}
    assert _types("mxfp4_moe", _weight("value", 2), facts) == {"Q8_0": 2}


def test_falcon_has_rules_of_its_own() -> None:
    facts = Facts(layers=32, tied=False, falcon=True)
    assert _types("q4_k_m", _weight("down", 32), facts) == {"Q6_K": 2, "Q5_K": 14, "Q4_K": 16}
    assert _types("q3_k_m", _weight("down", 32), facts) == {"Q5_K": 2, "Q4_K": 14, "Q3_K": 16}
    assert _types("q3_k_l", _weight("down", 32), facts) == {"Q4_K": 32}
    assert _types("q4_k_s", _weight("down", 32), facts) == {"Q4_K": 32}
    assert _types("q4_k_m", Quantizable("x", "head", 1, 9, 1024), facts) == {"Q8_0": 1}


@pytest.mark.parametrize(
    ("file", "columns", "expected"),
    [
        ("q4_k_s", 96, "Q5_0"),
        ("q5_k_s", 96, "Q5_1"),
        ("q6_k", 96, "Q8_0"),
        ("q3_k_s", 96, "Q4_0"),
        ("iq4_xs", 96, "IQ4_NL"),
        ("tq2_0", 96, "Q4_0"),
        ("q4_k_s", 100, "F16"),
        ("q4_0", 96, "Q4_0"),
    ],
)
def test_rows_that_are_no_whole_blocks(file: str, columns: int, expected: str) -> None:
    assert _types(file, _weight("query", 3, columns), Facts(layers=3, tied=False)) == {expected: 3}


def test_rows_that_llama_cpp_refuses() -> None:
    with pytest.raises(InputError, match=r"rows of 100 numbers are no whole blocks of 32 in Q4_0.*--dtype bf16"):
        _types("q4_0", _weight("query", 3, 100), Facts(layers=3, tied=False))


def _plainly(file: FileType, purpose: Purpose, facts: Facts, layer: int) -> str:
    """Return the type of a layer's weight: of the first rule that fits."""
    for rule in file.mix:
        fits = rule.purpose == purpose and _holds(rule.when, facts)
        if fits and any(layer in row for row in _layers(rule.where, facts.layers)):
            return rule.type
    return file.type


@pytest.mark.parametrize("file", FILE_TYPES.values(), ids=str)
def test_layers_are_counted_as_if_one_by_one(file: FileType) -> None:
    """What the count takes for granted, that of two rules for one purpose one holds wherever the other does, is so."""
    if file.name == "mxfp4_moe":
        return
    purposes: list[Purpose] = ["query, key, value", "value", "key", "query", "attention output", "up", "gate", "down"]
    for depth, grouping, experts, falcon in product((1, 2, 3, 7, 8, 17, 33), (1, 8), (0, 4, 8), (False, True)):
        facts = Facts(layers=depth, tied=False, grouping=grouping, experts=experts, falcon=falcon)
        for purpose in purposes:
            if experts == 8 and purpose in ("query, key, value", "value", "key"):
                continue  # all of them in Q8_0
            rows = (range(depth // 3), range(depth // 2, depth))
            weight = Quantizable("x", purpose, 1, 8, 1024, rows)
            expected = Counter(_plainly(file, purpose, facts, layer) for row in rows for layer in row)
            assert _types(file.name, weight, facts) == dict(expected), (purpose, facts)


# Bytes of files that their makers have published; names, vocabulary and the like take the same in all of a model.
PUBLISHED = {
    "llama-2-7b": (LLAMA_2_7B, {"q4_0": 3_825_807_040, "q4_k_m": 4_081_004_224}),
    "llama-3.1-8b": (LLAMA_31_8B, {"q4_k_m": 4_920_739_232, "q6_k": 6_596_011_424, "q8_0": 8_540_775_840}),
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_files(model: str) -> None:
    (weights, facts), files = PUBLISHED[model]
    beside = set()
    for name, size in files.items():
        data = sum(
            type_.blocks(weight.rows, weight.columns) * type_.bytes * times
            for weight in weights
            for type_, times in types_of(FILE_TYPES[name], weight, facts).items()
        )
        beside.add(size - data)
    assert len(beside) == 1
    assert 0 < beside.pop() < 8_000_000


def test_the_largest_model_with_shared_values() -> None:
    _, facts = LLAMA_31_70B
    assert _types("q4_k_m", _weight("value", 80), facts) == {"Q6_K": 40, "Q5_K": 40}
