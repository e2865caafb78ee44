"""Mistakes in how query, key and value are cut into heads, and how these are laid side by side again."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gptcli.architecture import Network, size
from gptcli.architecture.axes import D, G, H
from gptcli.architecture.listing import parts_of
from gptcli.architecture.parts.attention import SplitHeads, WeightedSum
from gptcli.model.check.mistakes.edits import a, both, instead
from gptcli.model.check.mistakes.instead import Compute
from gptcli.model.check.mistakes.mistake import Mistake
from gptcli.model.check.mistakes.scores import scaled
from gptcli.model.parts.attention import over_keys

OTHER_HEADS = "other-heads"
_split = a(SplitHeads)


def other_heads(network: Network) -> Iterator[Mistake]:
    """Yield the mistakes of every other number of heads."""
    heads, head_width = size(H, network.sizes), size(D, network.sizes)
    if size(G, network.sizes) != heads or not any(isinstance(part, SplitHeads) for _, part in parts_of(network)):
        return  # query, key and value are not cut alike, or each by itself
    for other in range(1, heads * head_width + 1):
        if heads * head_width % other == 0 and other != heads:
            yield from _so_many_heads(other, heads, head_width)


def _so_many_heads(other: int, heads: int, head_width: int) -> Iterator[Mistake]:
    """Yield the mistake of so many heads, with scores scaled by their width or by what it should be."""
    hint = (
        f"wrong head split: {_many(other)}, {heads * head_width // other} wide, where the config has {heads}; "
        f"if that is meant, --set n_heads={other}"
    )
    split = instead(_split, lambda _, qkv: _into(other, qkv))
    yield Mistake(OTHER_HEADS, hint, split)
    yield Mistake(OTHER_HEADS, hint, both(split, scaled(lambda _width, _head_width: head_width**-0.5)))


def _many(heads: int) -> str:
    return "1 head" if heads == 1 else f"{heads} heads"


def _into(heads: int, qkv: Tensor) -> Tensor:
    """(B, T, 3C) -> (3, B, H, T, D)."""
    return qkv.view(*qkv.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4)


def _by_view(leaf: Any, qkv: Tensor) -> Tensor:
    shape = (qkv.shape[0], size(H, leaf.sizes), qkv.shape[1], -1)
    return torch.stack([part.reshape(shape) for part in qkv.chunk(3, dim=-1)])


def _inside_out(leaf: Any, qkv: Tensor) -> Tensor:
    shape = (*qkv.shape[:2], -1, size(H, leaf.sizes))
    return torch.stack([part.reshape(shape).permute(0, 3, 1, 2) for part in qkv.chunk(3, dim=-1)])


def _before_parts(leaf: Any, qkv: Tensor) -> Tensor:
    return qkv.view(*qkv.shape[:2], size(H, leaf.sizes), 3, -1).permute(3, 0, 2, 1, 4)


def _ordered(*order: int) -> Compute:
    """Take query, key and value by their numbers in another order."""
    return lambda leaf, qkv: leaf(qkv)[list(order)]


def _merged_by_view(_: Any, weights: Tensor, heads: Any) -> Tensor:
    v = heads if isinstance(heads, Tensor) else heads[2]
    mixed = over_keys(weights, v, v)  # (B, H, T, D)
    return mixed.reshape(mixed.shape[0], mixed.shape[2], -1)


MISTAKES = (
    Mistake(
        "heads-not-transposed",
        "wrong head split: view(B, H, T, D) mixes up tokens and heads; view(B, T, H, D), then transpose(1, 2)",
        instead(_split, _by_view),
    ),
    Mistake(
        "heads-inside-out",
        "wrong head split: view(B, T, D, H) gives each head every H-th number; view(B, T, H, D)",
        instead(_split, _inside_out),
    ),
    Mistake(
        "heads-before-qkv",
        "wrong head split: query, key and value are cut out of each head; they lie one after the other, each C wide",
        instead(_split, _before_parts),
    ),
    Mistake(
        "query-key-swapped",
        "query and key are swapped: the order is query, key, value, and scores are query @ key^T",
        instead(_split, _ordered(1, 0, 2)),
    ),
    Mistake(
        "key-value-swapped",
        "key and value are swapped: the order is query, key, value",
        instead(_split, _ordered(0, 2, 1)),
    ),
    Mistake(
        "query-value-swapped",
        "query and value are swapped: the order is query, key, value",
        instead(_split, _ordered(2, 1, 0)),
    ),
    Mistake(
        "key-as-value",
        "the keys are averaged in place of the values",
        instead(_split, _ordered(0, 1, 1)),
    ),
    Mistake(
        "merge-not-transposed",
        "heads are merged without transposing back; (B, H, T, D).transpose(1, 2) first, then view(B, T, C)",
        instead(a(WeightedSum), _merged_by_view),
    ),
)
