"""The forward pass taken apart into the decisions that people get wrong, each of which can be replaced.

With no decision replaced it computes what `gptcli.model.gpt` computes; a test holds the two together at every port.
"""

from collections.abc import Callable
from math import sqrt
from typing import Any

import torch
from msgspec import Struct
from torch import Tensor
from torch.nn import functional as F

from gptcli.model.check.ports import IN, LOGITS, OUT, Key, block_path
from gptcli.model.gpt import GPT

Bias = Tensor | None
Function = Callable[[Tensor], Tensor]


def _embed(tokens: Tensor, position: Function, positions: Tensor) -> Tensor:
    return tokens + position(positions)


def _norm(x: Tensor, scale: Tensor, shift: Bias, eps: float) -> Tensor:
    return F.layer_norm(x, scale.shape, scale, shift, eps)


def _heads(qkv: Tensor, heads: int) -> Tensor:
    """(B, T, 3C) -> (3, B, H, T, D)."""
    return qkv.view(*qkv.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4)


def _scale(_width: int, head_width: int) -> float:
    return 1 / sqrt(head_width)


def _mask(scores: Tensor) -> Tensor:
    return scores.masked_fill(later(scores), float("-inf"))


def later(scores: Tensor, diagonal: int = 1) -> Tensor:
    """Return where a key comes so many places after the query, or more: (T, T)."""
    return torch.ones(scores.shape[-2:], dtype=torch.bool).triu(diagonal)


def _softmax(scores: Tensor) -> Tensor:
    return scores.softmax(dim=-1)


def _merge(mixed: Tensor) -> Tensor:
    """(B, H, T, D) -> (B, T, C)."""
    return mixed.transpose(1, 2).flatten(2)


def _activate(x: Tensor, exact: bool) -> Tensor:
    return F.gelu(x, approximate="none" if exact else "tanh")


def _same(x: Tensor) -> Tensor:
    return x


def _block(x: Tensor, norm_1: Function, attend: Function, norm_2: Function, feed: Function) -> Tensor:
    x = x + attend(norm_1(x))
    return x + feed(norm_2(x))


def _head(x: Tensor, weight: Tensor, _embedding: Tensor) -> Tensor:
    return F.linear(x, weight)


def _finish(x: Tensor, norm: Function, head: Function) -> Tensor:
    return head(norm(x))


class Recipe(Struct, frozen=True, kw_only=True):
    """Every decision of the forward pass; the defaults are right.

    Attributes:
        embed: token embeddings, the positional embedding as a function, positions -> the sum.
        norm: x, scale, shift, eps -> the same shape.
        qkv: x, weight, bias -> (B, T, 3C).
        heads: (B, T, 3C), number of heads -> (3, B, H, T, D).
        scale: width, head width -> what the products of queries and keys are multiplied with.
        mask: scores -> scores.
        softmax: scores -> attention weights.
        merge: (B, H, T, D) -> (B, T, C).
        project: x, weight, bias -> the attention's output.
        expand: x, weight, bias -> (B, T, F).
        activate: (B, T, F), whether the exact GELU is asked for -> (B, T, F).
        back: (B, T, F), weight, bias -> (B, T, C).
        fed: the second layer's output -> the feed forward's.
        block: x, norm 1, attention, norm 2, feed forward as functions -> x of the next block.
        finish: x, norm, head as functions -> logits.
        head: x, the head's weight, the embedding's weight -> logits.
    """

    embed: Callable[[Tensor, Function, Tensor], Tensor] = _embed
    norm: Callable[[Tensor, Tensor, Bias, float], Tensor] = _norm
    qkv: Callable[[Tensor, Tensor, Bias], Tensor] = F.linear
    heads: Callable[[Tensor, int], Tensor] = _heads
    scale: Callable[[int, int], float] = _scale
    mask: Function = _mask
    softmax: Function = _softmax
    merge: Function = _merge
    project: Callable[[Tensor, Tensor, Bias], Tensor] = F.linear
    expand: Callable[[Tensor, Tensor, Bias], Tensor] = F.linear
    activate: Callable[[Tensor, bool], Tensor] = _activate
    back: Callable[[Tensor, Tensor, Bias], Tensor] = F.linear
    fed: Function = _same
    block: Callable[[Tensor, Function, Function, Function, Function], Tensor] = _block
    finish: Callable[[Tensor, Function, Function], Tensor] = _finish
    head: Callable[[Tensor, Tensor, Tensor], Tensor] = _head


class Rerun:
    """Runs parts of a network by a recipe and keeps what passes the ports; of a second call of a module, nothing.

    Args:
        model: ours, whose weights are used.
        recipe: how to compute.
    """

    def __init__(self, model: GPT, recipe: Recipe) -> None:
        self.values: dict[Key, Tensor] = {}
        self._model = model
        self._recipe = recipe
        self._config = model.network.config

    def whole(self, ids: Tensor) -> None:
        """Run everything: (B, T) ids."""
        x = self.embed(ids)
        for index in range(self._config.n_layers):
            x = self.block(index, x)
        self.finish(x)

    def embed(self, ids: Tensor) -> Tensor:
        """(B, T) ids -> (B, T, C)."""
        tokens = self._keep("wte", OUT, F.embedding(ids, self._weight("wte.weight")))
        table = self._weight("wpe.weight")

        def position(positions: Tensor) -> Tensor:
            return self._keep("wpe", OUT, F.embedding(positions, table))

        x = self._recipe.embed(tokens, position, torch.arange(ids.shape[1]))
        return self._keep("embed", OUT, x)

    def block(self, index: int, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        path = block_path(index)
        self._keep(path, IN, x)
        x = self._recipe.block(
            x,
            lambda x: self._norm(f"{path}.ln_1", x),
            lambda x: self._attend(f"{path}.attn", x),
            lambda x: self._norm(f"{path}.ln_2", x),
            lambda x: self._feed(f"{path}.mlp", x),
        )
        return self._keep(path, OUT, x)

    def finish(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, V)."""
        head, table = self._weight("lm_head.weight"), self._weight("wte.weight")

        def to_logits(x: Tensor) -> Tensor:
            return self._module("lm_head", x, lambda x: self._recipe.head(x, head, table))

        x = self._recipe.finish(x, lambda x: self._norm("ln_f", x), to_logits)
        return self._keep(LOGITS, OUT, x)

    def _norm(self, path: str, x: Tensor) -> Tensor:
        scale, shift = self._weight(f"{path}.weight"), self._bias(path)
        return self._module(path, x, lambda x: self._recipe.norm(x, scale, shift, self._config.norm_eps))

    def _attend(self, path: str, x: Tensor) -> Tensor:
        recipe, config = self._recipe, self._config
        self._keep(path, IN, x)
        qkv = self._linear(f"{path}.c_attn", x, recipe.qkv)
        q, k, v = recipe.heads(qkv, config.n_heads)
        scores = q @ k.transpose(-2, -1) * recipe.scale(config.emb_dim, config.emb_dim // config.n_heads)
        weights = recipe.softmax(recipe.mask(scores))
        weights = self._module(f"{path}.drop", weights, lambda weights: weights)
        y = self._linear(f"{path}.c_proj", recipe.merge(weights @ v), recipe.project)
        return self._keep(path, OUT, y)

    def _feed(self, path: str, x: Tensor) -> Tensor:
        self._keep(path, IN, x)
        x = self._linear(f"{path}.c_fc", x, self._recipe.expand)
        x = self._recipe.activate(x, self._config.activation == "gelu")
        return self._keep(path, OUT, self._recipe.fed(self._linear(f"{path}.c_proj", x, self._recipe.back)))

    def _linear(self, path: str, x: Tensor, compute: Callable[..., Tensor]) -> Tensor:
        weight, bias = self._weight(f"{path}.weight"), self._bias(path)
        return self._module(path, x, lambda x: compute(x, weight, bias))

    def _module(self, path: str, x: Tensor, compute: Function) -> Tensor:
        return self._keep(path, OUT, compute(self._keep(path, IN, x)))

    def _weight(self, path: str) -> Tensor:
        return self._model.get_parameter(path).detach()

    def _bias(self, path: str) -> Bias:
        bias: Any = getattr(self._model.get_submodule(path), "bias", None)
        return None if bias is None else bias.detach()

    def _keep(self, path: str, side: str, value: Tensor) -> Tensor:
        self.values.setdefault((path, side), value)
        return value
