"""Causal self-attention in one call."""

import torch
from torch import Tensor
from torch.nn import functional as F

from gptcli.architecture.parts import fused_attention
from gptcli.model.parts.attention import Heads
from gptcli.model.parts.leaf import Leaf, leaf_of


@leaf_of(fused_attention.FusedAttention)
class FusedAttention(Leaf):
    """``scaled_dot_product_attention`` with a causal mask, heads side by side."""

    def forward(self, heads: Heads) -> Tensor:
        """Query (B, H, T, D), key and value (B, H, K, D) -> (B, T, C)."""
        q, k, v = heads
        rate = self.part.rate if self.training else 0.0
        causal = k.shape[2] == q.shape[2]
        # One token alone may see every key. Torch's own causal mask would let it see the first only: it is aligned
        # with the first key, where ours is with the last; so more tokens with a cache bring a mask of their own.
        mask = None if causal or q.shape[2] == 1 else _not_later(q, k)  # (T, K)
        y = F.scaled_dot_product_attention(q, k, v, mask, dropout_p=rate, is_causal=causal)  # (B, H, T, D)
        return y.transpose(1, 2).flatten(2)


def _not_later(q: Tensor, k: Tensor) -> Tensor:
    """Return which keys a query sees: (T, K)."""
    queries, keys = q.shape[2], k.shape[2]
    return torch.ones(queries, keys, dtype=torch.bool, device=q.device).tril(keys - queries)
