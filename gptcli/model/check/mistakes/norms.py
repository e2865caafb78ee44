"""Mistakes in layer norm, wherever one stands."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from gptcli.architecture.parts.layer_norm import LayerNorm
from gptcli.model.check.mistakes.edits import a, instead, swapped
from gptcli.model.check.mistakes.instead import Compute
from gptcli.model.check.mistakes.mistake import Mistake

_norm = a(LayerNorm)
_OTHER_EPS = (1e-6, 1e-5, 1e-8, 1e-12)


def _by_hand(leaf: Any, x: Tensor, mean: Tensor | float, divisor: Tensor) -> Tensor:
    y: Tensor = leaf.weight * (x - mean) / divisor
    return y if leaf.bias is None else y + leaf.bias


def _mean(x: Tensor) -> Tensor:
    return x.mean(-1, keepdim=True)


def _variance(x: Tensor, correction: int = 0) -> Tensor:
    return x.var(-1, keepdim=True, correction=correction)


def _divided(divisor: Callable[[Tensor, float], Tensor]) -> Compute:
    """Divide by something else, made of x and eps."""
    return lambda leaf, x: _by_hand(leaf, x, _mean(x), divisor(x, leaf.part.eps))


def _uncentred(leaf: Any, x: Tensor) -> Tensor:
    return _by_hand(leaf, x, 0.0, (_mean(x.square()) + leaf.part.eps).sqrt())


def _over_tokens(leaf: Any, x: Tensor) -> Tensor:
    divisor = (x.var(1, keepdim=True, correction=0) + leaf.part.eps).sqrt()
    return _by_hand(leaf, x, x.mean(1, keepdim=True), divisor)


def _plain(leaf: Any, x: Tensor) -> Tensor:
    return F.layer_norm(x, leaf.weight.shape, None, None, leaf.part.eps)


MISTAKES = (
    Mistake(
        "unbiased-variance",
        "layer norm divides by C - 1, torch.var's default; use var(..., unbiased=False)",
        instead(_norm, _divided(lambda x, eps: (_variance(x, 1) + eps).sqrt())),
    ),
    Mistake(
        "unbiased-variance",
        "layer norm takes torch.std, which divides by C - 1, and adds eps to it; sqrt(var(..., unbiased=False) + eps)",
        instead(_norm, _divided(lambda x, eps: _variance(x, 1).sqrt() + eps)),
    ),
    Mistake(
        "no-eps",
        "layer norm without eps; it belongs under the root: sqrt(var + eps)",
        swapped(_norm, eps=0.0),
    ),
    Mistake(
        "eps-outside-root",
        "layer norm adds eps after the root; it belongs under it: sqrt(var + eps)",
        instead(_norm, _divided(lambda x, eps: _variance(x).sqrt() + eps)),
    ),
    *(
        Mistake(
            "other-eps",
            f"layer norm's eps is {eps:g}, not what the config says; if that is meant, --set norm_eps={eps:g}",
            swapped(_norm, eps=eps),
        )
        for eps in _OTHER_EPS
    ),
    Mistake(
        "no-root",
        "layer norm divides by the variance; divide by its square root",
        instead(_norm, _divided(lambda x, eps: _variance(x) + eps)),
    ),
    Mistake("no-mean", "layer norm does not subtract the mean, as RMSNorm", instead(_norm, _uncentred)),
    Mistake(
        "norm-over-tokens",
        "layer norm runs over the tokens; it runs over emb_dim: dim=-1",
        instead(_norm, _over_tokens),
    ),
    Mistake("norm-weights-unused", "layer norm does not apply its scale and shift", instead(_norm, _plain)),
    Mistake(
        "norm-shift-unused",
        "missing bias: layer norm does not add its shift",
        swapped(_norm, bias=False),
    ),
)
