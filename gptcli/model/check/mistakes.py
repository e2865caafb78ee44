"""The mistakes that people make when they write a GPT, one row each: its name, which decision it gets wrong, and how.

A row replaces decisions of `gptcli.model.check.recipe`. To know of another mistake, add a row.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import sqrt
from typing import Any

import torch
from msgspec import Struct
from torch import Tensor
from torch.nn import functional as F

from gptcli.config import ModelConfig
from gptcli.model.check.recipe import Bias, Function, Recipe, later

OTHER_HEADS = "other-heads"


class Mistake(Struct, frozen=True):
    """A mistake.

    Attributes:
        name: short, for programs.
        hint: what is wrong and what is right, for people.
        changes: the decisions it replaces, by their name in the recipe.
        activation: the config's activation with which it is a mistake, or None for any.
    """

    name: str
    hint: str
    changes: dict[str, Callable[..., Any]]
    activation: str | None = None


def mistakes_for(config: ModelConfig) -> Iterator[Mistake]:
    """Yield the mistakes that can be made in a model."""
    yield from (mistake for mistake in MISTAKES if mistake.activation in (None, config.activation))
    for heads in range(1, config.emb_dim + 1):
        if config.emb_dim % heads == 0 and heads != config.n_heads:
            yield from _other_heads(heads, config)


def _other_heads(heads: int, config: ModelConfig) -> Iterator[Mistake]:
    """Yield the mistake of so many heads, with scores scaled by their width or by what it should be."""
    hint = (
        f"wrong head split: {_many(heads)}, {config.emb_dim // heads} wide, where the config has {config.n_heads}; "
        f"if that is meant, --set n_heads={heads}"
    )
    split = {"heads": lambda qkv, _heads: Recipe().heads(qkv, heads)}
    yield Mistake(OTHER_HEADS, hint, {**split, "scale": lambda width, _head_width: sqrt(heads / width)})
    yield Mistake(OTHER_HEADS, hint, split)


def _many(heads: int) -> str:
    return "1 head" if heads == 1 else f"{heads} heads"


def _same(x: Tensor) -> Tensor:
    return x


def _without_bias(x: Tensor, weight: Tensor, _bias: Bias) -> Tensor:
    return F.linear(x, weight)


def _turned(x: Tensor, weight: Tensor, bias: Bias) -> Tensor:
    return F.linear(x, weight.T, bias)


def _turned_part(parts: tuple[int, ...], x: Tensor, weight: Tensor, bias: Bias) -> Tensor:
    """Use some of the projections in the rows of a weight the wrong way round."""
    rows = [each.T if part in parts else each for part, each in enumerate(weight.chunk(3))]
    return F.linear(x, torch.cat(rows), bias)


# Attention: heads


def _heads_by_view(qkv: Tensor, heads: int) -> Tensor:
    shape = (qkv.shape[0], heads, qkv.shape[1], -1)
    return torch.stack([part.reshape(shape) for part in qkv.chunk(3, dim=-1)])


def _heads_inside_out(qkv: Tensor, heads: int) -> Tensor:
    shape = (*qkv.shape[:2], -1, heads)
    return torch.stack([part.reshape(shape).permute(0, 3, 1, 2) for part in qkv.chunk(3, dim=-1)])


def _heads_before_parts(qkv: Tensor, heads: int) -> Tensor:
    return qkv.view(*qkv.shape[:2], heads, 3, -1).permute(3, 0, 2, 1, 4)


def _reordered(order: tuple[int, ...], qkv: Tensor, heads: int) -> Tensor:
    return Recipe().heads(qkv, heads)[list(order)]


def _merged_by_view(mixed: Tensor) -> Tensor:
    return mixed.reshape(mixed.shape[0], mixed.shape[2], -1)


# Attention: scores, mask, softmax


def _masked_where(hidden: Callable[[Tensor], Tensor], value: float = float("-inf")) -> Function:
    return lambda scores: scores.masked_fill(hidden(scores), value)


def _earlier(scores: Tensor) -> Tensor:
    return later(scores).T


def _zeroed(weights: Tensor) -> Tensor:
    return weights.masked_fill(later(weights), 0)


_HUGE = -1e9  # what people write who do not write -inf


# Norms


def _by_hand(x: Tensor, scale: Tensor, shift: Bias, divisor: Tensor, mean: Tensor | float) -> Tensor:
    y = scale * (x - mean) / divisor
    return y if shift is None else y + shift


def _sample_variance(x: Tensor, scale: Tensor, shift: Bias, eps: float) -> Tensor:
    return _by_hand(x, scale, shift, (x.var(-1, keepdim=True) + eps).sqrt(), x.mean(-1, keepdim=True))


def _eps_outside(spread: Callable[[Tensor], Tensor], x: Tensor, scale: Tensor, shift: Bias, eps: float) -> Tensor:
    return _by_hand(x, scale, shift, spread(x) + eps, x.mean(-1, keepdim=True))


def _deviation(x: Tensor) -> Tensor:
    return x.var(-1, keepdim=True, correction=0).sqrt()


def _sample_deviation(x: Tensor) -> Tensor:
    return x.var(-1, keepdim=True).sqrt()


def _variance(x: Tensor) -> Tensor:
    return x.var(-1, keepdim=True, correction=0)


def _with_eps(other: float, x: Tensor, scale: Tensor, shift: Bias, _eps: float) -> Tensor:
    return F.layer_norm(x, scale.shape, scale, shift, other)


def _undivided_by_root(x: Tensor, scale: Tensor, shift: Bias, eps: float) -> Tensor:
    return _by_hand(x, scale, shift, _variance(x) + eps, x.mean(-1, keepdim=True))


def _uncentred(x: Tensor, scale: Tensor, shift: Bias, eps: float) -> Tensor:
    return _by_hand(x, scale, shift, (x.square().mean(-1, keepdim=True) + eps).sqrt(), 0.0)


def _over_tokens(x: Tensor, scale: Tensor, shift: Bias, eps: float) -> Tensor:
    divisor = (x.var(1, keepdim=True, correction=0) + eps).sqrt()
    return _by_hand(x, scale, shift, divisor, x.mean(1, keepdim=True))


def _plain_norm(x: Tensor, scale: Tensor, _shift: Bias, eps: float) -> Tensor:
    return F.layer_norm(x, scale.shape, None, None, eps)


def _unshifted(x: Tensor, scale: Tensor, _shift: Bias, eps: float) -> Tensor:
    return F.layer_norm(x, scale.shape, scale, None, eps)


# Blocks: x, the first norm, attention, the second norm, feed forward


def _post_norm(x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    x = n1(x + attend(x))
    return n2(x + feed(x))


def _norm_on_branch(x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    x = x + n1(attend(x))
    return x + n2(feed(x))


def _no_shortcut_1(x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    x = attend(n1(x))
    return x + feed(n2(x))


def _no_shortcut_2(x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    x = x + attend(n1(x))
    return feed(n2(x))


def _no_shortcuts(_x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    return feed(n2(attend(n1(_x))))


def _shortcut_1_normed(x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    x = n1(x)
    x = x + attend(x)
    return x + feed(n2(x))


def _shortcut_2_normed(x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    x = n2(x + attend(n1(x)))
    return x + feed(x)


def _shortcuts_normed(x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    x = n1(x)
    x = n2(x + attend(x))
    return x + feed(x)


def _shortcut_2_from_start(x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    return x + feed(n2(x + attend(n1(x))))


def _parallel(x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    return x + attend(n1(x)) + feed(n2(x))


def _feed_first(x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    x = x + feed(n2(x))
    return x + attend(n1(x))


def _no_norm_1(x: Tensor, _n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    x = x + attend(x)
    return x + feed(n2(x))


def _no_norm_2(x: Tensor, n1: Function, attend: Function, _n2: Function, feed: Function) -> Tensor:
    x = x + attend(n1(x))
    return x + feed(x)


def _norm_1_twice(x: Tensor, n1: Function, attend: Function, _n2: Function, feed: Function) -> Tensor:
    x = x + attend(n1(x))
    return x + feed(n1(x))


def _norms_swapped(x: Tensor, n1: Function, attend: Function, n2: Function, feed: Function) -> Tensor:
    x = x + attend(n2(x))
    return x + feed(n1(x))


MISTAKES: tuple[Mistake, ...] = (
    # embeddings
    Mistake(
        "no-positions",
        "the positional embedding is not added to the token embedding",
        {"embed": lambda tokens, _position, _positions: tokens},
    ),
    Mistake(
        "positions-from-one",
        "positions are counted from 1; the first token's position is 0",
        {"embed": lambda tokens, position, positions: tokens + position(positions + 1)},
    ),
    Mistake(
        "one-position",
        "every token gets the embedding of position 0; look up torch.arange(T)",
        {"embed": lambda tokens, position, positions: tokens + position(0 * positions)},
    ),
    Mistake(
        "scaled-embedding",
        "the token embedding is multiplied with sqrt(emb_dim), as in the first transformer; GPT-2 does not",
        {"embed": lambda tokens, position, positions: tokens * sqrt(tokens.shape[-1]) + position(positions)},
    ),
    Mistake(
        "embeddings-multiplied",
        "token and positional embedding are multiplied; add them",
        {"embed": lambda tokens, position, positions: tokens * position(positions)},
    ),
    # attention
    Mistake(
        "no-mask",
        "no causal mask: every token attends to those after it; set the scores above the diagonal to -inf",
        {"mask": _same},
    ),
    Mistake(
        "mask-transposed",
        "the causal mask is transposed: it hides the earlier tokens; hide what is above the diagonal",
        {"mask": _masked_where(_earlier)},
    ),
    Mistake(
        "mask-transposed",
        "the causal mask is the wrong way round: it hides the token itself and the earlier ones",
        {"mask": _masked_where(lambda scores: ~later(scores))},
    ),
    Mistake(
        "mask-transposed",
        "the causal mask is the wrong way round: it hides the token itself and the earlier ones",
        {"mask": _masked_where(lambda scores: ~later(scores), _HUGE)},
    ),
    Mistake(
        "diagonal-masked",
        "the mask hides the token itself too; begin one above the diagonal: torch.triu(..., diagonal=1)",
        {"mask": _masked_where(partial(later, diagonal=0))},
    ),
    Mistake(
        "diagonal-masked",
        "the mask hides the token itself too; begin one above the diagonal: torch.triu(..., diagonal=1)",
        {"mask": _masked_where(partial(later, diagonal=0), _HUGE)},
    ),
    Mistake(
        "mask-one-late",
        "the mask begins one too far: every token sees the next one; torch.triu(..., diagonal=1) hides it",
        {"mask": _masked_where(partial(later, diagonal=2))},
    ),
    Mistake(
        "mask-zeroes-scores",
        "the mask sets scores to 0, which the softmax turns into weight; set them to -inf",
        {"mask": _zeroed},
    ),
    Mistake(
        "mask-after-softmax",
        "the mask comes after the softmax, so that weights no longer add up to 1; mask the scores with -inf before",
        {"mask": _same, "softmax": lambda scores: _zeroed(scores.softmax(-1))},
    ),
    Mistake(
        "no-scale",
        "no scaling: the scores are not divided by sqrt(head width)",
        {"scale": lambda _width, _head_width: 1.0},
    ),
    Mistake(
        "scale-by-width",
        "the scores are divided by sqrt(emb_dim); divide by sqrt(head width), emb_dim / n_heads",
        {"scale": lambda width, _head_width: width**-0.5},
    ),
    Mistake(
        "scale-without-root",
        "the scores are divided by the head width; divide by its square root",
        {"scale": lambda _width, head_width: 1 / head_width},
    ),
    Mistake(
        "scale-inverted",
        "the scores are multiplied with sqrt(head width); divide by it",
        {"scale": lambda _width, head_width: head_width**0.5},
    ),
    Mistake(
        "softmax-over-queries",
        "the softmax runs over the wrong dimension, the queries (dim=-2); each row of keys adds up to 1: dim=-1",
        {"softmax": lambda scores: scores.softmax(dim=-2)},
    ),
    Mistake(
        "softmax-over-heads",
        "the softmax runs over the wrong dimension, the heads (dim=1); each row of keys adds up to 1: dim=-1",
        {"softmax": lambda scores: scores.softmax(dim=1)},
    ),
    Mistake(
        "softmax-over-batch",
        "the softmax runs over the wrong dimension, the batch (dim=0); each row of keys adds up to 1: dim=-1",
        {"softmax": lambda scores: scores.softmax(dim=0)},
    ),
    Mistake("no-softmax", "the scores are used as weights without a softmax", {"softmax": _same}),
    Mistake(
        "heads-not-transposed",
        "wrong head split: view(B, H, T, D) mixes up tokens and heads; view(B, T, H, D), then transpose(1, 2)",
        {"heads": _heads_by_view},
    ),
    Mistake(
        "heads-inside-out",
        "wrong head split: view(B, T, D, H) gives each head every H-th number; view(B, T, H, D)",
        {"heads": _heads_inside_out},
    ),
    Mistake(
        "heads-before-qkv",
        "wrong head split: query, key and value are cut out of each head; they lie one after the other, each C wide",
        {"heads": _heads_before_parts},
    ),
    Mistake(
        "query-key-swapped",
        "query and key are swapped: the order is query, key, value, and scores are query @ key^T",
        {"heads": partial(_reordered, (1, 0, 2))},
    ),
    Mistake(
        "key-value-swapped",
        "key and value are swapped: the order is query, key, value",
        {"heads": partial(_reordered, (0, 2, 1))},
    ),
    Mistake(
        "query-value-swapped",
        "query and value are swapped: the order is query, key, value",
        {"heads": partial(_reordered, (2, 1, 0))},
    ),
    Mistake(
        "key-as-value",
        "the keys are averaged in place of the values",
        {"heads": partial(_reordered, (0, 1, 1))},
    ),
    Mistake(
        "merge-not-transposed",
        "heads are merged without transposing back; (B, H, T, D).transpose(1, 2) first, then view(B, T, C)",
        {"merge": _merged_by_view},
    ),
    Mistake(
        "qkv-transposed",
        "transposed projection: query, key and value use x @ W; nn.Linear computes x @ W.T",
        {"qkv": partial(_turned_part, (0, 1, 2))},
    ),
    Mistake(
        "query-transposed",
        "transposed projection: the query uses x @ W; nn.Linear computes x @ W.T",
        {"qkv": partial(_turned_part, (0,))},
    ),
    Mistake(
        "key-transposed",
        "transposed projection: the key uses x @ W; nn.Linear computes x @ W.T",
        {"qkv": partial(_turned_part, (1,))},
    ),
    Mistake(
        "value-transposed",
        "transposed projection: the value uses x @ W; nn.Linear computes x @ W.T",
        {"qkv": partial(_turned_part, (2,))},
    ),
    Mistake("qkv-bias-unused", "missing bias: that of query, key and value is not added", {"qkv": _without_bias}),
    Mistake(
        "projection-transposed",
        "transposed projection: attention's output projection uses x @ W; nn.Linear computes x @ W.T",
        {"project": _turned},
    ),
    Mistake(
        "projection-missing",
        "attention's output projection is not applied",
        {"project": lambda x, _weight, _bias: x},
    ),
    Mistake(
        "projection-bias-unused",
        "missing bias: that of attention's output projection is not added",
        {"project": _without_bias},
    ),
    # feed forward
    Mistake(
        "exact-gelu",
        "exact GELU where its tanh form is asked for, GPT-2's: nn.GELU(approximate='tanh'); if the exact one is meant, "
        "--set activation=gelu",
        {"activate": lambda x, _exact: F.gelu(x)},
        activation="gelu_tanh",
    ),
    Mistake(
        "tanh-gelu",
        "GELU's tanh form where the exact one is asked for: nn.GELU(); if the tanh form is meant, GPT-2's own, "
        "--set activation=gelu_tanh",
        {"activate": lambda x, _exact: F.gelu(x, approximate="tanh")},
        activation="gelu",
    ),
    Mistake("relu", "ReLU in place of GELU", {"activate": lambda x, _exact: F.relu(x)}),
    Mistake("silu", "SiLU in place of GELU", {"activate": lambda x, _exact: F.silu(x)}),
    Mistake(
        "sigmoid-gelu",
        "GELU's sigmoid form, x * sigmoid(1.702 x), where another is asked for",
        {"activate": lambda x, _exact: x * torch.sigmoid(1.702 * x)},
    ),
    Mistake("tanh", "tanh in place of GELU", {"activate": lambda x, _exact: x.tanh()}),
    Mistake(
        "no-activation", "no activation: GELU is missing between the two layers", {"activate": lambda x, _exact: x}
    ),
    Mistake(
        "activation-twice",
        "an activation after the second layer of the feed forward too; it stands between the two alone",
        {"fed": lambda x: F.gelu(x, approximate="tanh")},
    ),
    Mistake(
        "activation-twice",
        "an activation after the second layer of the feed forward too; it stands between the two alone",
        {"fed": F.gelu},
    ),
    Mistake(
        "expand-bias-unused",
        "missing bias: that of the feed forward's first layer is not added",
        {"expand": _without_bias},
    ),
    Mistake(
        "back-bias-unused",
        "missing bias: that of the feed forward's second layer is not added",
        {"back": _without_bias},
    ),
    # layer norm
    Mistake(
        "unbiased-variance",
        "layer norm divides by C - 1, torch.var's default; use var(..., unbiased=False)",
        {"norm": _sample_variance},
    ),
    Mistake(
        "unbiased-variance",
        "layer norm takes torch.std, which divides by C - 1, and adds eps to it; sqrt(var(..., unbiased=False) + eps)",
        {"norm": partial(_eps_outside, _sample_deviation)},
    ),
    Mistake(
        "no-eps",
        "layer norm without eps; it belongs under the root: sqrt(var + eps)",
        {"norm": partial(_with_eps, 0.0)},
    ),
    Mistake(
        "eps-outside-root",
        "layer norm adds eps after the root; it belongs under it: sqrt(var + eps)",
        {"norm": partial(_eps_outside, _deviation)},
    ),
    *(
        Mistake(
            "other-eps",
            f"layer norm's eps is {eps:g}, not what the config says; if that is meant, --set norm_eps={eps:g}",
            {"norm": partial(_with_eps, eps)},
        )
        for eps in (1e-6, 1e-5, 1e-8, 1e-12)
    ),
    Mistake(
        "no-root",
        "layer norm divides by the variance; divide by its square root",
        {"norm": _undivided_by_root},
    ),
    Mistake("no-mean", "layer norm does not subtract the mean, as RMSNorm", {"norm": _uncentred}),
    Mistake(
        "norm-over-tokens", "layer norm runs over the tokens; it runs over emb_dim: dim=-1", {"norm": _over_tokens}
    ),
    Mistake("norm-weights-unused", "layer norm does not apply its scale and shift", {"norm": _plain_norm}),
    Mistake("norm-shift-unused", "missing bias: layer norm does not add its shift", {"norm": _unshifted}),
    # blocks
    Mistake(
        "post-norm",
        "post-norm: the norm comes after the shortcut; GPT-2 norms before: x = x + attention(norm(x))",
        {"block": _post_norm},
    ),
    Mistake(
        "norm-on-branch",
        "the norm is applied to what attention and feed forward give; GPT-2 norms what they take",
        {"block": _norm_on_branch},
    ),
    Mistake(
        "no-shortcut-1", "missing shortcut around attention: x = x + attention(norm(x))", {"block": _no_shortcut_1}
    ),
    Mistake(
        "no-shortcut-2",
        "missing shortcut around feed forward: x = x + feed_forward(norm(x))",
        {"block": _no_shortcut_2},
    ),
    Mistake("no-shortcuts", "missing shortcuts, both of them: x = x + attention(norm(x))", {"block": _no_shortcuts}),
    Mistake(
        "shortcut-1-after-norm",
        "the shortcut around attention leaves after the norm; keep x from before it",
        {"block": _shortcut_1_normed},
    ),
    Mistake(
        "shortcut-2-after-norm",
        "the shortcut around feed forward leaves after the norm; keep x from before it",
        {"block": _shortcut_2_normed},
    ),
    Mistake(
        "shortcuts-after-norm",
        "both shortcuts leave after the norm; keep x from before it",
        {"block": _shortcuts_normed},
    ),
    Mistake(
        "shortcut-2-from-start",
        "the second shortcut adds the block's input; it adds what the first shortcut gave",
        {"block": _shortcut_2_from_start},
    ),
    Mistake(
        "parallel",
        "attention and feed forward both read the block's input, as in GPT-J; GPT-2 runs one after the other",
        {"block": _parallel},
    ),
    Mistake("feed-forward-first", "feed forward runs before attention", {"block": _feed_first}),
    Mistake("no-norm-1", "the norm before attention is missing", {"block": _no_norm_1}),
    Mistake("no-norm-2", "the norm before feed forward is missing", {"block": _no_norm_2}),
    Mistake(
        "norm-1-twice",
        "the first norm is used twice; the second one stands before feed forward",
        {"block": _norm_1_twice},
    ),
    Mistake("norms-swapped", "the two norms of the block are swapped", {"block": _norms_swapped}),
    # the end
    Mistake(
        "no-final-norm",
        "the final layer norm before the output head is missing",
        {"finish": lambda x, _norm, head: head(x)},
    ),
    Mistake(
        "softmax-on-logits",
        "the network returns probabilities; return the logits, without a softmax",
        {"finish": lambda x, norm, head: head(norm(x)).softmax(-1)},
    ),
    Mistake(
        "log-softmax-on-logits",
        "the network returns log-probabilities; return the logits, without a log_softmax",
        {"finish": lambda x, norm, head: head(norm(x)).log_softmax(-1)},
    ),
    Mistake(
        "embedding-as-head",
        "the token embedding is used as output head, though the head has weights of its own; tie them or use the head",
        {"head": lambda x, _weight, embedding: F.linear(x, embedding)},
    ),
)
