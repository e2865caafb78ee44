"""The keys and values of tokens that have been read, so that the next token is all that runs (KV cache).

Every block keeps what its projections gave for each token: later tokens attend to it, and under a causal mask nothing
that comes later changes it (Pope et al. 2022, section 3.3).
"""

import torch
from torch import Tensor

from gptcli.architecture import Network, shape_sizes
from gptcli.architecture.axes import B, D, G, T
from gptcli.architecture.network import sizes_of_layer


class LayerCache:
    """The keys and values of one block: two tensors of (B, G, capacity, D), of which the first ``length`` are known."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | str) -> None:
        self.keys = torch.empty(shape, dtype=dtype, device=device)
        self.values = torch.empty(shape, dtype=dtype, device=device)
        self.length = 0

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add (B, G, T, D) of new tokens and return all that are known, (B, G, K, D) each, as views."""
        start, new = self.length, k.shape[2]
        self.length = start + new
        self.keys.narrow(2, start, new).copy_(k)
        self.values.narrow(2, start, new).copy_(v)
        return self.keys.narrow(2, 0, self.length), self.values.narrow(2, 0, self.length)


class KVCache:
    """A cache for every block: keys and values of B texts, allocated once for T tokens, its capacity.

    In GPT-2 these are 2 L B T C numbers.

    Args:
        network: the description, which has the shapes.
        batch: texts at once.
        capacity: tokens of a text that it holds; the context length at most.
        dtype: of the keys and values: that of the activations.
        device: where it lies.
    """

    def __init__(
        self, network: Network, batch: int, capacity: int, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        sizes = network.sizes_for(batch, capacity)
        self.layers = [
            LayerCache(shape_sizes((B, G, T, D), sizes_of_layer(sizes, layer)), dtype, device)
            for layer in network.stack.layers()
        ]

    @property
    def length(self) -> int:
        """How many tokens have been read."""
        return self.layers[0].length

    def truncate(self, length: int) -> None:
        """Forget all but the first tokens; the memory stays."""
        for layer in self.layers:
            layer.length = min(length, layer.length)

    def tensors(self) -> list[Tensor]:
        """Return all keys and values, block by block."""
        return [tensor for layer in self.layers for tensor in (layer.keys, layer.values)]
