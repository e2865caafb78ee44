"""Causal self-attention in its steps.

Query is (B, H, T, D), key and value (B, G, K, D); K is T, and with a cache the tokens that were read before count too.
Each of the G keys is asked by H / G queries in a row, which lie over each other in the rows of one product: no key is
copied. Where ``heads`` is read, it holds all three, and G = H.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gptcli.architecture import Sizes, size
from gptcli.architecture.axes import D, H
from gptcli.architecture.parts import attention
from gptcli.model.cache import Kept
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of
from gptcli.model.parts.mask import hidden

Heads = tuple[Tensor, Tensor, Tensor]


@leaf_of(attention.SplitHeads)
class SplitHeads(Leaf):
    """The fused projection seen as query, key and value of every head."""

    def forward(self, qkv: Tensor) -> Tensor:
        """(B, T, 3C) -> (3, B, H, T, D), a view."""
        heads, width = size(H, self.sizes), size(D, self.sizes)
        return qkv.view(*qkv.shape[:2], 3, heads, width).permute(2, 0, 3, 1, 4)

    def for_readers(self, out: Tensor, kept: Sequence[Kept] | None) -> Heads:
        """(3, B, H, T, D) -> query, key and value apart; with a cache key and value of all that was read."""
        q, k, v = out  # taken apart once, so that their gradients come together once
        return (q, k, v) if kept is None else (q, kept[0].extend(k), kept[1].extend(v))


@leaf_of(attention.AttentionScores)
class AttentionScores(Leaf):
    """``q @ k.T / sqrt(D)``, or times the part's own scale."""

    def forward(self, *read: Any) -> Tensor:
        """Query (B, H, T, D) and key (B, G, K, D), or heads that hold them -> (B, H, T, K)."""
        q, k = read if len(read) > 1 else read[0][:2]
        products = over_keys(q, k, k.transpose(-2, -1))  # (B, H, T, K)
        scale = self.part.scale
        # By a number: what `/` and `*` take is made a tensor first, which autograd would keep.
        scores: Tensor = (
            torch.ops.aten.div.Scalar(products, q.shape[-1] ** 0.5)
            if scale is None
            else torch.ops.aten.mul.Scalar(products, scale)
        )
        return scores


@leaf_of(attention.CausalMask)
class CausalMask(Leaf):
    """Minus infinity where a key comes after the query, or stands outside its window."""

    def __init__(self, part: attention.CausalMask, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.window = None if part.window is None else size(part.window, sizes)

    def forward(self, scores: Tensor) -> Tensor:
        """(B, H, T, K) -> the same."""
        queries, keys = scores.shape[-2:]
        unseen = hidden(queries, keys, scores.device, self.window, chunked=self.part.chunked)  # (T, K)
        return scores.masked_fill(unseen, float("-inf"))


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
        """Weights (B, H, T, K) and value (B, G, K, U), or heads that hold it -> (B, T, HU)."""
        values = taken.pop()
        v = values if isinstance(values, Tensor) else values[2]
        del values
        weights = taken.pop()
        mixed = over_keys(weights, v, v)  # (B, H, T, U)
        del weights  # they go as soon as it is there
        return mixed.transpose(1, 2).flatten(2)


def over_keys(rows: Tensor, grouped: Tensor, matrices: Tensor) -> Tensor:
    """(B, H, T, n) times the matrix (B, G, n, m) of each one's group -> (B, H, T, m).

    Args:
        rows: of queries.
        grouped: has G in its second dimension.
        matrices: of keys or values.
    """
    batch, heads, tokens, _ = rows.shape
    groups = grouped.shape[1]
    if groups == heads:
        return rows @ matrices
    together = rows.reshape(batch, groups, heads // groups * tokens, -1)  # (B, G, H / G * T, n)
    return (together @ matrices).view(batch, heads, tokens, -1)
