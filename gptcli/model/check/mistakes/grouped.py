"""Mistakes in which key and value head a query head asks, where several ask the same."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from gptcli.architecture import Network, size
from gptcli.architecture.axes import G, H
from gptcli.architecture.parts.attention import AttentionScores, WeightedSum
from gptcli.model.check.mistakes.edits import Change, a, both, instead
from gptcli.model.check.mistakes.mistake import Mistake

_RIGHT = "each stands beside the H / G queries that ask it: repeat_interleave(H // G, dim=1)"


def _over_and_over(grouped: Tensor, heads: int) -> Tensor:
    """(B, G, T, D) -> (B, H, T, D): all of them, then all again."""
    return grouped.repeat(1, heads // grouped.shape[1], 1, 1)


def _scores(leaf: Any, q: Tensor, k: Tensor) -> Tensor:
    scores: Tensor = leaf(q, _over_and_over(k, q.shape[1]))
    return scores


def _mixed(leaf: Any, weights: Tensor, v: Tensor) -> Tensor:
    mixed: Tensor = leaf([weights, _over_and_over(v, weights.shape[1])])
    return mixed


def mistakes(network: Network) -> Iterator[Mistake]:
    """Yield the mistakes of a network in which several query heads ask the same key, and there are several keys."""
    if not 1 < size(G, network.sizes) < size(H, network.sizes):
        return
    keys, values = instead(a(AttentionScores), _scores), instead(a(WeightedSum), _mixed)
    rows: tuple[tuple[str, Change], ...] = (
        ("keys and values are", both(keys, values)),
        ("keys are", keys),
        ("values are", values),
    )
    for what, change in rows:
        yield Mistake("kv-heads-order", f"{what} repeated in the wrong order, as repeat does; {_RIGHT}", change)
