"""Which keys a query sees; the last query stands where the last key does."""

import torch
from torch import Tensor


def hidden(
    queries: int, keys: int, device: torch.device, window: int | None = None, *, chunked: bool = False
) -> Tensor:
    """Return where a key comes after the query, or too far before it: (T, K).

    Args:
        queries: T.
        keys: K; with a cache the tokens that were read before count too, of a chunked layer from the start of a chunk.
        device: where the mask is to lie.
        window: the tokens that a query sees at most, itself included, or None.
        chunked: whether those are the tokens of its chunk, else the last ones.
    """
    before = keys - queries
    later = torch.ones(queries, keys, dtype=torch.bool, device=device).triu(before + 1)  # (T, K)
    if window is None or keys <= window:
        return later
    if not chunked:
        return later.logical_or_(torch.ones_like(later).tril(before - window))
    chunks = torch.arange(keys, device=device) // window  # (K,)
    return later.logical_or_(chunks < chunks[before:, None])
