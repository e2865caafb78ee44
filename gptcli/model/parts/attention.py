"""Causal self-attention in its steps.

``heads`` is query (B, H, T, D), key and value (B, H, K, D) of every head; K is T, and with a cache the tokens that were
read before count too.
"""

from typing import Any

import torch
from torch import Tensor

from gptcli.architecture import size
from gptcli.architecture.axes import D, H
from gptcli.architecture.parts import attention
from gptcli.model.cache import LayerCache
from gptcli.model.parts.leaf import Leaf, leaf_of

Heads = tuple[Tensor, Tensor, Tensor]


@leaf_of(attention.SplitHeads)
class SplitHeads(Leaf):
    """The fused projection seen as query, key and value of every head."""

    def forward(self, qkv: Tensor) -> Tensor:
        """(B, T, 3C) -> (3, B, H, T, D), a view."""
        heads, width = size(H, self.sizes), size(D, self.sizes)
        return qkv.view(*qkv.shape[:2], 3, heads, width).permute(2, 0, 3, 1, 4)

    def for_readers(self, out: Tensor, cache: LayerCache | None) -> Heads:
        """(3, B, H, T, D) -> query, key and value apart; with a cache key and value of all that was read."""
        q, k, v = out  # taken apart once, so that their gradients come together once
        return (q, k, v) if cache is None else (q, *cache.extend(k, v))


@leaf_of(attention.AttentionScores)
class AttentionScores(Leaf):
    """``q @ k.T / sqrt(D)``."""

    def forward(self, heads: Heads) -> Tensor:
        """Query (B, H, T, D) and key (B, H, K, D) -> (B, H, T, K)."""
        q, k, _ = heads
        # Divided by a number: what `/` takes is made a tensor first, which autograd would keep.
        scores: Tensor = torch.ops.aten.div.Scalar(q @ k.transpose(-2, -1), q.shape[-1] ** 0.5)
        return scores


@leaf_of(attention.CausalMask)
class CausalMask(Leaf):
    """Minus infinity where a key comes after the query."""

    def forward(self, scores: Tensor) -> Tensor:
        """(B, H, T, K) -> the same."""
        return scores.masked_fill(later(scores), float("-inf"))


@leaf_of(attention.Softmax)
class Softmax(Leaf):
    """Scores to weights that add up to one over the keys."""

    def forward(self, scores: Tensor) -> Tensor:
        """(B, H, T, K) -> the same."""
        return scores.softmax(dim=-1)


@leaf_of(attention.WeightedSum)
class WeightedSum(Leaf):
    """The values averaged by the weights, heads side by side."""

    consumes = True

    def forward(self, taken: list[Any]) -> Tensor:
        """Weights (B, H, T, K) and heads, whose value is (B, H, K, D) -> (B, T, C)."""
        _, _, v = taken.pop()
        mixed: Tensor = taken.pop() @ v  # (B, H, T, D); the weights go as soon as it is there
        return mixed.transpose(1, 2).flatten(2)


def later(scores: Tensor) -> Tensor:
    """Return where a key comes after the query: (T, K); the last query is as late as the last key."""
    queries, keys = scores.shape[-2:]
    return torch.ones(queries, keys, dtype=torch.bool, device=scores.device).triu(keys - queries + 1)
