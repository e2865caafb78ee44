"""Runs of layers from patterns (`gptcli.config.pattern`)."""

from collections.abc import Callable, Sequence
from math import lcm
from typing import TypeVar

from gptcli.config.pattern import letters

T = TypeVar("T")
Runs = tuple[tuple[tuple[tuple[T, int], ...], int], ...]


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
