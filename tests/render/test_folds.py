"""Layers folded for a drawing: every layer stands in one place, and what is said to be as earlier layers is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptcli.architecture.paths import is_layer, names_in, path_of_layer, path_of_layers, shared_path
from gptcli.render.folds import block_of, folds, kind_title
from tests.patterned import LONG, SMALL, runs_of

TITLES = {
    "A": ["1 x Transformer block"],
    "A" * 12: ["12 x Transformer block"],
    SMALL: ["2 x Transformer block, 0 to 1", "Transformer block 2", "Blocks 3 to 5, as 0 to 2"],
    LONG: [
        "5 x Transformer block, 0 to 4",
        "Transformer block 5",
        "Blocks 6 to 59, as 0 to 5 (9 x)",
        "Blocks 60 to 61, as 0 to 1",
    ],
    "BBB" + "A" * 58: ["3 x Transformer block, 0 to 2", "58 x Transformer block, 3 to 60"],
    "ABABAB": ["Transformer block 0", "Transformer block 1", "Blocks 2 to 5, as 0 to 1 (2 x)"],
    "ABA": ["Transformer block 0", "Transformer block 1", "Block 2, as 0"],
    "ABAAA": ["Transformer block 0", "Transformer block 1", "Blocks 2 to 4, as 0 (3 x)"],
    "ABACABAC": [
        "Transformer block 0",
        "Transformer block 1",
        "Block 2, as 0",
        "Transformer block 3",
        "Blocks 4 to 7, as 0 to 3",
    ],
}


@pytest.mark.parametrize("order", TITLES)
def test_titles(order: str) -> None:
    assert [fold.title for fold in folds(runs_of(order))] == TITLES[order]


def test_large_numbers_are_written_as_all_counts_are() -> None:
    found = folds(runs_of("A" * 1500 + "B" + "A" * 1200))
    assert [fold.title for fold in found] == [
        "1,500 x Transformer block, 0 to 1,499",
        "Transformer block 1,500",
        "Blocks 1,501 to 2,700, as 0 to 1,199",
    ]
    assert [fold.path for fold in found] == ["h.{0..1499}", "h.1500", "h.{1501..2700}"]


@given(st.text("ABC", min_size=1, max_size=60))
def test_every_layer_stands_in_one_place_and_is_what_is_said(order: str) -> None:
    runs = runs_of(order)
    found = folds(runs)
    assert [number for fold in found for number in range(fold.first, fold.first + fold.times)] == [*range(len(order))]
    assert [order[fold.first] for fold in found if fold.drawn] == list(dict.fromkeys(order))
    for fold in found:
        if fold.like is None:
            assert set(order[fold.first : fold.first + fold.times]) == {order[fold.first]}
        else:
            period = fold.times // fold.again
            assert fold.like + period <= fold.first
            assert order[fold.first : fold.first + fold.times] == order[fold.like : fold.like + period] * fold.again
        assert fold.kind == block_of(runs, fold.first + fold.times - 1).path
        assert fold.whole is (len(set(order)) == 1)


@given(st.text("ABC", min_size=1, max_size=30), st.data())
def test_the_run_of_a_layer(order: str, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(order) - 1))
    block = block_of(runs_of(order), number)
    assert block.first <= number < block.first + block.times


def test_a_pattern_of_thousands_of_layers_is_one_line() -> None:
    titles = [fold.title for fold in folds(runs_of("AB" * 5000))]
    assert titles[2:] == ["Blocks 2 to 9,999, as 0 to 1 (4,999 x)"]


def test_titles_of_kinds() -> None:
    assert kind_title("h.{i}", "Transformer block", 1) == "1 x Transformer block"
    assert kind_title("h.{0..4,6..10,12..16,...}", "Transformer block", 52) == "52 x Transformer block, as 0"
    assert kind_title("h.{1200,1300}", "Transformer block", 2) == "2 x Transformer block, as 1,200"
    assert kind_title("h.{5}", "Transformer block", 1) == "Transformer block 5"


def test_paths_with_an_index() -> None:
    assert names_in("h.{0..4,6,...}.attn.c_attn") == ["h", "{0..4,6,...}", "attn", "c_attn"]
    assert names_in("wte") == ["wte"]
    assert [is_layer(path) for path in ("h.{i}", "h.{0..1}.attn", "ln_f")] == [True, False, False]
    assert shared_path("h.3.attn.heads", "h.{0..1,3..4}") == "h.{0..1,3..4}.attn.heads"
    assert shared_path("h.0", "h.{i}") == "h.{i}"
    assert path_of_layer("h.{0..1,3..4}.attn", 3) == "h.3.attn"
    assert path_of_layers("h.{0..1,3..4}", 3, 2) == "h.{3..4}"
    assert path_of_layers("h.{0..1,3..4}", 3, 1) == "h.3"
