"""Statistics against torch's own, in double precision and in one piece."""

from math import inf, nan

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gptcli.model import statistics
from gptcli.model.statistics import Statistics, combined, portions


def taken(x: Tensor, *, masked: bool = False) -> Statistics:
    return combined(portions(x, masked=masked), x.numel())


def assert_like(found: Statistics, numbers: Tensor) -> None:
    """Hold figures against those of the numbers that count."""
    exact = numbers.double()
    scale = float(exact.abs().max()) + 1e-30
    assert found.mean == pytest.approx(float(exact.mean()), abs=1e-6 * scale)
    assert found.std == pytest.approx(float(exact.std(correction=0)), rel=1e-4, abs=1e-6 * scale)
    assert (found.min, found.max) == (float(exact.min()), float(exact.max()))


@pytest.mark.parametrize("length", [1, 2, 31_743, 31_744, 31_745, 100_000])
@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (1000.0, 0.01), (-3.0, 1e-6)])
def test_any_length_and_any_place(length: int, shift: float, scale: float) -> None:
    x = torch.randn(length, generator=torch.manual_seed(length)) * scale + shift
    x[::3] = 0 if shift == 0 else shift
    found = taken(x)
    assert_like(found, x)
    assert (found.zeros, found.ignored, found.not_finite) == (int((x == 0).sum()), 0, None)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1000, 1000, width=32), min_size=1, max_size=50), st.integers(1, 7))
def test_portions_of_any_length_give_the_same(numbers: list[float], length: int) -> None:
    x = torch.tensor(numbers)
    before = statistics._ALONE
    statistics._ALONE = length
    try:
        assert_like(taken(x), x)
    finally:
        statistics._ALONE = before


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_full(dtype: torch.dtype) -> None:
    x = (torch.randn(70_000, generator=torch.manual_seed(1)) * 200).to(dtype)  # whose squares overflow fp16
    assert_like(taken(x), x)


def test_any_order_in_memory() -> None:
    x = torch.randn(3, 5, 7).permute(2, 0, 1)
    assert_like(taken(x), x)


@pytest.mark.parametrize("tokens", [1, 2, 9, 200])
def test_masked_numbers_are_left_out(tokens: int) -> None:
    scores = torch.randn(2, 3, tokens, tokens) + 5
    later = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
    found = taken(scores.masked_fill(later, -inf), masked=True)
    assert_like(found, scores[:, :, ~later])
    assert found.ignored == 6 * int(later.sum())
    assert found.not_finite is None


def test_a_portion_of_nothing_but_mask_changes_nothing() -> None:
    x = torch.full((100_000,), -inf)
    x[:3] = torch.tensor([1.0, 2.0, 6.0])
    found = taken(x, masked=True)
    assert (found.mean, found.min, found.max, found.ignored) == (3.0, 1.0, 6.0, 99_997)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("bad", "word"), [([nan], "nan"), ([inf], "inf"), ([nan, inf], "nan"), ([-inf], "-inf"), ([inf, -inf], "inf")]
)
@pytest.mark.parametrize("place", [0, 70_000])
def test_what_is_not_finite_is_named_and_gives_no_figure(masked: bool, bad: list[float], word: str, place: int) -> None:
    x = torch.randn(90_000)
    x[place : place + len(bad)] = torch.tensor(bad)
    found = taken(x, masked=masked)
    if masked and word == "-inf":
        assert (found.not_finite, found.ignored) == (None, 1)
        return
    assert found.not_finite == word
    assert (found.mean, found.std, found.min, found.max) == (None, None, None, None)
