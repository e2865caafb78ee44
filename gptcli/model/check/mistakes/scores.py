"""Mistakes in attention's scores: mask, scale, softmax. Scores are (B, H, T, T): a row of keys for each query."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from msgspec.structs import replace
from torch import Tensor

from gptcli.architecture import Group, Network, size
from gptcli.architecture.axes import C, D, W, number
from gptcli.architecture.parts.arithmetic import Softcap
from gptcli.architecture.parts.attention import AttentionScores, CausalMask, Softmax
from gptcli.model.check.mistakes.edits import Change, a, both, instead, swapped, without
from gptcli.model.check.mistakes.instead import Compute
from gptcli.model.check.mistakes.mistake import Mistake

_HUGE = -1e9  # what people write who do not write -inf
_SAME = 1e-9
_mask, _softmax = a(CausalMask), a(Softmax)


def scaled(scale: Callable[[int, int], float]) -> Change:
    """Multiply the products of queries and keys with something else.

    Args:
        scale: makes it of the embedding width and the width of a head.
    """

    def compute(leaf: Any, *read: Any) -> Tensor:
        q, *others = read if len(read) > 1 else read[0]
        width = q.shape[-1]
        own = width**-0.5 if leaf.part.scale is None else leaf.part.scale
        factor = scale(size(C, leaf.sizes), width) / own  # which the leaf multiplies with
        scores: Tensor = leaf(q * factor, *others) if len(read) > 1 else leaf((q * factor, *others))
        return scores

    return instead(a(AttentionScores), compute)


def _masked(hidden: Callable[[Tensor], Tensor], value: float = float("-inf")) -> Change:
    return instead(_mask, lambda _, scores: scores.masked_fill(hidden(scores), value))


def _later(scores: Tensor, diagonal: int = 1) -> Tensor:
    """Return where a key comes so many places after the query, or more: (T, T)."""
    return torch.ones(scores.shape[-2:], dtype=torch.bool).triu(diagonal)


def _earlier(scores: Tensor) -> Tensor:
    return _later(scores).T


def _not_later(scores: Tensor) -> Tensor:
    return ~_later(scores)


def _from_diagonal(scores: Tensor) -> Tensor:
    return _later(scores, diagonal=0)


def _windowed(more: int) -> Change:
    """Let queries see so many tokens more than the window has."""

    def change(group: Group) -> Group:
        parts = tuple(
            (name, replace(node, window=node.window + number(more)))
            if isinstance(node, CausalMask) and node.window is not None and not node.chunked
            else (name, node)
            for name, node in group.parts
        )
        return replace(group, parts=parts)

    return change


def window_mistakes(network: Network) -> Iterator[Mistake]:
    """Yield the mistakes of a network with layers of which some have a window and some have none."""
    if "W" in network.sizes:
        yield Mistake(
            "window-everywhere",
            "full layers have the window of local ones; the config says which layers see everything",
            swapped(lambda part, _: isinstance(part, CausalMask) and part.window is None, window=W),
        )


def scale_mistakes(network: Network) -> Iterator[Mistake]:
    """Yield the mistakes of a network whose scores have a scale of their own."""
    own, usual = network.config.attention_scale, size(D, network.sizes) ** -0.5
    if own is None or abs(own - usual) < _SAME * usual:
        return
    yield Mistake(
        "scale-by-head-width",
        f"the scores are divided by sqrt(head width); the config has a scale of its own, {own:.6g} "
        "(query_pre_attn_scalar ** -0.5)",
        swapped(a(AttentionScores), scale=None),
    )
    yield Mistake(
        "scale-twice",
        "the scores are scaled twice, by the scale of the config and by 1 / sqrt(head width), as "
        "scaled_dot_product_attention does without scale=",
        scaled(lambda _width, head_width: own * head_width**-0.5),
    )


def _zeroed_after(leaf: Any, scores: Tensor) -> Tensor:
    weights: Tensor = leaf(scores)
    return weights.masked_fill(_later(weights), 0)


def _over(dim: int) -> Compute:
    return lambda _, scores: scores.softmax(dim=dim)


MISTAKES = (
    Mistake(
        "no-mask",
        "no causal mask: every token attends to those after it; set the scores above the diagonal to -inf",
        without(_mask),
    ),
    Mistake(
        "mask-transposed",
        "the causal mask is transposed: it hides the earlier tokens; hide what is above the diagonal",
        _masked(_earlier),
    ),
    *(
        Mistake(
            "mask-transposed",
            "the causal mask is the wrong way round: it hides the token itself and the earlier ones",
            _masked(_not_later, value),
        )
        for value in (float("-inf"), _HUGE)
    ),
    *(
        Mistake(
            "diagonal-masked",
            "the mask hides the token itself too; begin one above the diagonal: torch.triu(..., diagonal=1)",
            _masked(_from_diagonal, value),
        )
        for value in (float("-inf"), _HUGE)
    ),
    Mistake(
        "mask-one-late",
        "the mask begins one too far: every token sees the next one; torch.triu(..., diagonal=1) hides it",
        _masked(lambda scores: _later(scores, diagonal=2)),
    ),
    Mistake(
        "mask-zeroes-scores",
        "the mask sets scores to 0, which the softmax turns into weight; set them to -inf",
        _masked(_later, 0),
    ),
    Mistake(
        "mask-after-softmax",
        "the mask comes after the softmax, so that weights no longer add up to 1; mask the scores with -inf before",
        both(without(_mask), instead(_softmax, _zeroed_after)),
    ),
    Mistake(
        "no-scale",
        "no scaling: the scores are not divided by sqrt(head width)",
        scaled(lambda _width, _head_width: 1.0),
    ),
    Mistake(
        "scale-by-width",
        "the scores are divided by sqrt(emb_dim); divide by sqrt(head width), emb_dim / n_heads",
        scaled(lambda width, _head_width: width**-0.5),
    ),
    Mistake(
        "scale-without-root",
        "the scores are divided by the head width; divide by its square root",
        scaled(lambda _width, head_width: 1 / head_width),
    ),
    Mistake(
        "scale-inverted",
        "the scores are multiplied with sqrt(head width); divide by it",
        scaled(lambda _width, head_width: head_width**0.5),
    ),
    *(
        Mistake(
            name,
            f"the softmax runs over the wrong dimension, {which} (dim={dim}); each row of keys adds up to 1: dim=-1",
            instead(_softmax, _over(dim)),
        )
        for name, which, dim in (
            ("softmax-over-queries", "the queries", -2),
            ("softmax-over-heads", "the heads", 1),
            ("softmax-over-batch", "the batch", 0),
        )
    ),
    Mistake(
        "window-one-more",
        "the window is one token too wide: a query sees the last sliding_window tokens, itself included; hide a key "
        "where i - j >= sliding_window",
        _windowed(1),
    ),
    Mistake(
        "window-one-less",
        "the window is one token too narrow: a query sees the last sliding_window tokens, itself included; hide a key "
        "where i - j >= sliding_window",
        _windowed(-1),
    ),
    Mistake(
        "no-window",
        "local layers have no window: they see every earlier token",
        swapped(lambda part, _: isinstance(part, CausalMask) and part.window is not None, window=None, chunked=False),
    ),
    Mistake(
        "no-score-cap",
        "missing softcap of the scores: cap * tanh(scores / cap) before the mask",
        without(a(Softcap, within="attention")),
    ),
    Mistake("no-softmax", "the scores are used as weights without a softmax", without(_softmax)),
)
