"""Causal self-attention in one call."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from gptcli.architecture import Sizes, size
from gptcli.architecture.parts import fused_attention
from gptcli.model.parts.alibi import Alibi
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of
from gptcli.model.parts.mask import hidden


@leaf_of(fused_attention.FusedAttention)
class FusedAttention(Leaf):
    """``scaled_dot_product_attention`` with a causal mask, heads side by side."""

    def __init__(self, part: fused_attention.FusedAttention, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.window = None if part.window is None else size(part.window, sizes)
        self.alibi = None if part.alibi is None else Alibi(part.alibi, sizes, parameters)

    def forward(self, *read: Any) -> Tensor:
        """Query (B, H, T, D), key (B, G, K, D) and value (B, G, K, U), or heads that hold them -> (B, T, HU)."""
        q, k, v = read if len(read) > 1 else read[0]
        rate = self.part.rate if self.training else 0.0
        mask = self._mask(q, k)
        causal = mask is None and q.shape[2] == k.shape[2]
        if q.shape[2] == 1 and k.shape[1] != q.shape[1] and mask is None:
            return self._one_token(q, k, v, rate)
        y = F.scaled_dot_product_attention(
            q, k, v, mask, dropout_p=rate, is_causal=causal, scale=self.part.scale, enable_gqa=k.shape[1] != q.shape[1]
        )  # (B, H, T, U)
        return y.transpose(1, 2).flatten(2)

    def _mask(self, q: Tensor, k: Tensor) -> Tensor | None:
        """Return which keys a query sees, or what is added to its scores, (T, K) or (1, H, T, K); None for torch's own.

        One token alone may see every key. Torch's own causal mask would let it see the first only: it is aligned with
        the first key, where ours is with the last; so more tokens with a cache bring a mask of their own.
        """
        queries, keys = q.shape[2], k.shape[2]
        whole = queries == 1 or (queries == keys and (self.window is None or keys <= self.window))
        if whole and self.alibi is None:
            return None
        if self.alibi is None:
            return hidden(queries, keys, q.device, self.window, chunked=self.part.chunked).logical_not_()
        bias = self.alibi.bias(queries, keys, q)[None]  # (1, H, T or 1, K)
        if queries == 1:
            return bias
        unseen = hidden(queries, keys, q.device, self.window, chunked=self.part.chunked)  # (T, K)
        return bias.masked_fill(unseen, float("-inf"))

    def _one_token(self, q: Tensor, k: Tensor, v: Tensor, rate: float) -> Tensor:
        """(B, H, 1, D) -> (B, 1, HU): the queries of a group as so many tokens of one head, all of which see all."""
        grouped = q.reshape(q.shape[0], k.shape[1], -1, q.shape[-1])  # (B, G, H / G, D)
        y = F.scaled_dot_product_attention(grouped, k, v, dropout_p=rate, scale=self.part.scale)  # (B, G, H / G, U)
        return y.flatten(1)[:, None]
