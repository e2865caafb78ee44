"""Dimensions by their symbols, so that a shape reads ``(B, T, C)`` before it reads ``(1, 4, 768)``."""

from collections.abc import Mapping
from math import prod

from msgspec import Struct

from gptcli.config import ModelConfig


class Dim(Struct, frozen=True, cache_hash=True):
    """A dimension: a symbol, or a small multiple of one such as ``3C``; a plain number is a multiple of ``1``."""

    symbol: str
    factor: int = 1

    def __str__(self) -> str:
        if self.symbol == "1":
            return str(self.factor)
        return self.symbol if self.factor == 1 else f"{self.factor}{self.symbol}"

    def __rmul__(self, factor: int) -> "Dim":
        return Dim(self.symbol, self.factor * factor)


Shape = tuple[Dim, ...]
Sizes = Mapping[str, int]

B = Dim("B")
T = Dim("T")
C = Dim("C")
H = Dim("H")
D = Dim("D")
F = Dim("F")
V = Dim("V")
L = Dim("L")
S = Dim("S")
K = Dim("K")
ONE = Dim("1")

MEANING = {
    "B": "batch: texts at once",
    "T": "tokens in a text",
    "C": "embedding width",
    "H": "attention heads",
    "D": "width of one head, C / H",
    "F": "feed-forward width, 4C",
    "V": "vocabulary entries",
    "L": "transformer blocks",
    "S": "context length",
    "K": "keys: tokens that a token may attend to",
}

_FEED_FORWARD_FACTOR = 4  # Radford et al. 2019, GPT-2's n_inner


def sizes_of(config: ModelConfig, batch: int | None = None, tokens: int | None = None) -> dict[str, int]:
    """Return the value of each symbol; ``B`` and ``T`` only where they are given."""
    sizes = {
        "C": config.emb_dim,
        "H": config.n_heads,
        "D": config.emb_dim // config.n_heads,
        "F": _FEED_FORWARD_FACTOR * config.emb_dim,
        "V": config.vocab_size,
        "L": config.n_layers,
        "S": config.context_length,
        "1": 1,
    }
    if batch is not None:
        sizes["B"] = batch
    if tokens is not None:
        sizes["T"] = tokens
    return sizes


def size(dim: Dim, sizes: Sizes) -> int:
    """Return the number a dimension stands for."""
    return dim.factor * sizes[dim.symbol]


def shape_sizes(shape: Shape, sizes: Sizes) -> tuple[int, ...]:
    """Return a shape in numbers."""
    return tuple(size(dim, sizes) for dim in shape)


def elements(shape: Shape, sizes: Sizes) -> int:
    """Return how many numbers a tensor of this shape holds."""
    return prod(shape_sizes(shape, sizes))
