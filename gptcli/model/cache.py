"""What layers keep of tokens that have been read, so that the next token is all that runs (KV cache).

Every layer keeps what its projections gave for each token: later tokens attend to it, and under a causal mask nothing
that comes later changes it (Pope et al. 2022, section 3.3). A layer that looks back over a window keeps as many tokens
as that is wide (Beltagy et al. 2020); one with a latent keeps the latent (DeepSeek-AI 2024, section 2.1).
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from gptcli.architecture import Group, Network, Part, Sizes, shape_sizes, size
from gptcli.architecture.axes import T
from gptcli.architecture.network import sizes_of_layer


class Kept:
    """One tensor of the tokens that have been read; ``length`` counts all of those, kept or not.

    Where more tokens are read than are kept, the tensor is a ring: token p lies at p modulo its width.

    Args:
        shape: of the tensor.
        along: the dimension of the tokens.
        window: the most tokens that are kept, or None for all.
        chunked: whether a token sees those of its chunk, of which each begins a ring anew, else the last ones.
        dtype: of the numbers.
        device: where they lie.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        along: int,
        window: int | None,
        chunked: bool,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        self._along, self._window, self._chunked = along, window, chunked
        rows = shape[along] if window is None else min(window, shape[along])
        self.tensor = torch.empty((*shape[:along], rows, *shape[along + 1 :]), dtype=dtype, device=device)
        self.length = 0

    def extend(self, new: Tensor) -> Tensor:
        """Add new tokens and return what they may attend to, in order, the last new token last.

        One token alone sees the last ones in the order in which they lie in the ring: rotated keys carry their
        positions, and a sum over values has no order.
        """
        start, count = self.length, new.shape[self._along]
        self.length = start + count
        window = self._window
        if window is None or self.length <= window:
            self.tensor.narrow(self._along, start, count).copy_(new)
            return self.tensor.narrow(self._along, 0, self.length)
        seen = new
        if count > 1:
            earlier = start % window if self._chunked else min(start, window - 1)
            if earlier:
                seen = torch.cat([*self._read(start - earlier, earlier), new], dim=self._along)
        last = min(count, window)
        self._write(self.length - last, new.narrow(self._along, count - last, last))
        if count > 1:
            return seen
        return self.tensor.narrow(self._along, 0, start % window + 1) if self._chunked else self.tensor

    def forget(self, length: int) -> None:
        """Forget all but the first tokens.

        Raises:
            ValueError: a token after those would see one that is no longer kept.
        """
        gone = self._window is not None and self.length > self._window
        if gone and 0 < length < self.length - 1:
            raise ValueError(f"a window of {self._window} tokens behind {self.length} cannot go back to {length}")
        self.length = min(length, self.length)

    def _read(self, first: int, count: int) -> list[Tensor]:
        """Return tokens from ``first`` on, in one piece or two."""
        return [self.tensor.narrow(self._along, at, n) for at, n in self._places(first, count)]

    def _write(self, first: int, new: Tensor) -> None:
        done = 0
        for at, n in self._places(first, new.shape[self._along]):
            self.tensor.narrow(self._along, at, n).copy_(new.narrow(self._along, done, n))
            done += n

    def _places(self, first: int, count: int) -> Iterator[tuple[int, int]]:
        """Yield where tokens lie in the ring, and how many there: up to its end, then from its start."""
        width = self.tensor.shape[self._along]
        at = first % width
        before_end = min(count, width - at)
        yield at, before_end
        if before_end < count:
            yield 0, count - before_end


# What the parts of a layer keep, by their paths; GPT-2's split heads keep two tensors, others one.
LayerCache = dict[str, tuple[Kept, ...]]


class KVCache:
    """A cache for every layer of B texts, allocated once for T tokens, its capacity.

    In GPT-2 these are 2 L B T C numbers.

    Args:
        network: the description, which says what is kept.
        batch: texts at once.
        capacity: tokens of a text that it holds.
        dtype: of what is kept: that of the activations.
        device: where it lies.
    """

    def __init__(
        self, network: Network, batch: int, capacity: int, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        sizes = network.sizes_for(batch, capacity)
        stack = network.parts[network.place_of_stack][0]
        self.layers: list[LayerCache] = [
            {
                path: _kept(part, sizes_of_layer(sizes, layer), dtype, device)
                for path, part in _keeping(layer.body, f"{stack}.{index}")
            }
            for index, layer in enumerate(network.stack.layers())
        ]
        self._all = [kept for layer in self.layers for tensors in layer.values() for kept in tensors]

    @property
    def length(self) -> int:
        """How many tokens have been read."""
        return self._all[0].length

    def truncate(self, length: int) -> None:
        """Forget all but the first tokens; the memory stays.

        Raises:
            ValueError: a window has gone past them, and they are neither none nor all but the last.
        """
        for kept in self._all:
            kept.forget(length)

    def tensors(self) -> list[Tensor]:
        """Return all that is kept, layer by layer."""
        return [kept.tensor for kept in self._all]


def _keeping(group: Group, path: str) -> Iterator[tuple[str, Part]]:
    """Yield the parts of a group that keep something, with their paths."""
    for name, node in group.parts:
        here = f"{path}.{name}"
        if isinstance(node, Group):
            yield from _keeping(node, here)
        elif isinstance(node, Part) and node.cached():
            yield here, node


def _kept(part: Part, sizes: Sizes, dtype: torch.dtype, device: torch.device | str) -> tuple[Kept, ...]:
    window = None if part.kept_of is None else size(part.kept_of, sizes)
    return tuple(
        Kept(shape_sizes(shape, sizes), shape.index(T), window, part.kept_chunked, dtype, device)
        for shape in part.cached_as()
    )
