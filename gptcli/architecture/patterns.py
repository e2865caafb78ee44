"""Patterns of layers as short words: ``5LF`` is LLLLLF, over and over."""

import re
from collections.abc import Callable, Sequence
from math import lcm
from typing import TypeVar

T = TypeVar("T")
_LETTERS = re.compile(r"(\d*)([A-Z])")
Runs = tuple[tuple[tuple[tuple[T, int], ...], int], ...]


def letters(pattern: str, most: int | None = None) -> str:
    """``5LF`` -> ``LLLLLF``, cut after ``most`` letters.

    Raises:
        ValueError: it is no pattern.
    """
    if re.fullmatch(r"(\d*[A-Z])+", pattern) is None:
        raise ValueError(pattern)
    found: list[str] = []
    left = most
    for amount, letter in _LETTERS.findall(pattern):
        times = int(amount or 1)
        times = times if left is None else min(times, left)
        found.append(letter * times)
        left = None if left is None else left - times
    return "".join(found)


def shortened(word: str) -> str:
    """``LLLLLFLLLLLF`` -> ``5LF``: the shortest pattern that gives the word when it comes over and over."""
    period = next(p for p in range(1, len(word) + 1) if all(word[i] == word[i - p] for i in range(p, len(word))))
    runs = re.findall(r"((.)\2*)", word[:period])
    return "".join(f"{len(run) if len(run) > 1 else ''}{letter}" for run, letter in runs)


def runs_of(patterns: Sequence[str], depth: int, plan: Callable[..., T]) -> Runs[T]:
    """Return the layers of a network as runs, from patterns that go over and over beside each other.

    Args:
        patterns: each of one thing that layers differ in.
        depth: how many layers there are.
        plan: gives a layer's plan from its letter in each pattern.
    """
    words = [letters(pattern, depth) for pattern in patterns]
    together = lcm(*map(len, words))
    period = [tuple(word[i % len(word)] for word in words) for i in range(min(together, depth))]
    known = {key: plan(*key) for key in dict.fromkeys(period)}
    whole, rest = divmod(depth, len(period))
    found = [(_in_a_row([known[key] for key in period]), whole)]
    if rest:
        found.append((_in_a_row([known[key] for key in period[:rest]]), 1))
    return tuple(_merged(found))


def _in_a_row(plans: Sequence[T]) -> tuple[tuple[T, int], ...]:
    found: list[tuple[T, int]] = []
    for plan in plans:
        if found and found[-1][0] == plan:
            found[-1] = (plan, found[-1][1] + 1)
        else:
            found.append((plan, 1))
    return tuple(found)


def _merged(runs: list[tuple[tuple[tuple[T, int], ...], int]]) -> list[tuple[tuple[tuple[T, int], ...], int]]:
    """Make one run of a period of equal layers and of what is left of it."""
    if all(len(period) == 1 for period, _ in runs) and len({period[0][0] for period, _ in runs}) == 1:
        return [(((runs[0][0][0][0], 1),), sum(period[0][1] * times for period, times in runs))]
    return runs
