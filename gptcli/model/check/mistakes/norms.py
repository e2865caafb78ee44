"""Mistakes in norms, wherever one stands."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from gptcli.architecture import Part
from gptcli.architecture.parts.layer_norm import LayerNorm
from gptcli.architecture.parts.rms_norm import RMSNorm
from gptcli.architecture.roles import KEY_NORM, QUERY_NORM
from gptcli.model.check.mistakes.edits import Change, Which, a, instead, swapped
from gptcli.model.check.mistakes.mistake import Mistake
from gptcli.model.parts.norm_scale import scale_of

_OF_HEADS = (QUERY_NORM, KEY_NORM)
_OTHER_EPS = (1e-6, 1e-5, 1e-8, 1e-12)


class _Norm(NamedTuple):
    """A kind of norm, and what it computes: ``(x - mean) / sqrt(spread + eps)``, then its weights.

    Attributes:
        part: the kind.
        squared: what the square root is taken of, in words.
        under_root: the same as people write it.
        weights: what they do, as people say it.
        mean: of a tensor over a dimension.
        spread: likewise.
    """

    part: type[Part]
    squared: str
    under_root: str
    weights: str
    mean: Callable[[Tensor, int], Tensor | float]
    spread: Callable[[Tensor, int], Tensor]


def _mean(x: Tensor, dim: int = -1) -> Tensor:
    return x.mean(dim, keepdim=True)


def _variance(x: Tensor, dim: int = -1, correction: int = 0) -> Tensor:
    return x.var(dim, keepdim=True, correction=correction)


def _mean_square(x: Tensor, dim: int = -1) -> Tensor:
    return _mean(x.square(), dim)


def _zero(_x: Tensor, _dim: int) -> float:
    return 0.0


_LAYER_NORM = _Norm(LayerNorm, "variance", "var", "scale and shift", _mean, _variance)
_RMS_NORM = _Norm(RMSNorm, "mean square", "mean(x**2)", "scale", _zero, _mean_square)


def _weighted(leaf: Any, y: Tensor) -> Tensor:
    """Apply the weights: a scale, and a shift where there is one."""
    weight = scale_of(leaf.weight, leaf.part.scale)
    if weight is None:
        return y
    scaled: Tensor = y * (weight if leaf.part.heads is None else weight.unsqueeze(1))
    shift = getattr(leaf, "bias", None)
    return scaled if shift is None else scaled + shift


def _divided(norm: _Norm, divisor: Callable[[Tensor, float], Tensor], dim: int = -1) -> Change:
    """Divide by something else, made of the spread and eps; or compute all over another dimension."""

    def compute(leaf: Any, x: Tensor) -> Tensor:
        return _weighted(leaf, (x - norm.mean(x, dim)) / divisor(norm.spread(x, dim), leaf.part.eps))

    return instead(a(norm.part), compute)


def _root(spread: Tensor, eps: float) -> Tensor:
    return (spread + eps).sqrt()


def _eps_after_root(spread: Tensor, eps: float) -> Tensor:
    return spread.sqrt() + eps


def _no_root(spread: Tensor, eps: float) -> Tensor:
    return spread + eps


def _unweighted(norm: _Norm) -> Change:
    def compute(leaf: Any, x: Tensor) -> Tensor:
        return (x - norm.mean(x, -1)) / _root(norm.spread(x, -1), leaf.part.eps)

    return instead(a(norm.part), compute)


def _mistakes_of(norm: _Norm) -> tuple[Mistake, ...]:
    """Return the mistakes that can be made in every norm."""
    called = norm.part.called
    return (
        Mistake(
            "no-eps",
            f"{called} without eps; it belongs under the root: sqrt({norm.under_root} + eps)",
            swapped(a(norm.part), eps=0.0),
        ),
        Mistake(
            "eps-outside-root",
            f"{called} adds eps after the root; it belongs under it: sqrt({norm.under_root} + eps)",
            _divided(norm, _eps_after_root),
        ),
        *(
            Mistake(
                "other-eps",
                f"{called}'s eps is {eps:g}, not what the config says; if that is meant, --set norm_eps={eps:g}",
                swapped(a(norm.part), eps=eps),
            )
            for eps in _OTHER_EPS
        ),
        Mistake(
            "no-root",
            f"{called} divides by the {norm.squared}; divide by its square root",
            _divided(norm, _no_root),
        ),
        Mistake(
            "norm-over-tokens",
            f"{called} runs over the tokens; it runs over emb_dim: dim=-1",
            _divided(norm, _root, dim=1),
        ),
        *(
            Mistake(
                "other-eps",
                f"the eps of {called} of queries and keys is {eps:g}, not what the config says",
                swapped(lambda part, _: isinstance(part, norm.part) and part.role in _OF_HEADS, eps=eps),
            )
            for eps in _OTHER_EPS
        ),
        Mistake("norm-weights-unused", f"{called} does not apply its {norm.weights}", _unweighted(norm)),
    )


def _scaled_by(scale: str) -> Which:
    return lambda part, _: isinstance(part, RMSNorm) and part.scale == scale


def _sample_variance(x: Tensor, dim: int) -> Tensor:
    return _variance(x, dim, correction=1)


_SAMPLE = _LAYER_NORM._replace(spread=_sample_variance)
_UNCENTRED = _LAYER_NORM._replace(mean=_zero, spread=_mean_square)

MISTAKES = (
    Mistake(
        "unbiased-variance",
        "layer norm divides by C - 1, torch.var's default; use var(..., unbiased=False)",
        _divided(_SAMPLE, _root),
    ),
    Mistake(
        "unbiased-variance",
        "layer norm takes torch.std, which divides by C - 1, and adds eps to it; sqrt(var(..., unbiased=False) + eps)",
        _divided(_SAMPLE, _eps_after_root),
    ),
    Mistake("no-mean", "layer norm does not subtract the mean, as RMSNorm", _divided(_UNCENTRED, _root)),
    Mistake(
        "norm-shift-unused",
        "missing bias: layer norm does not add its shift",
        swapped(a(LayerNorm), bias=False),
    ),
    Mistake(
        "norm-without-one",
        "RMSNorm multiplies with its weight; in Gemma it is with 1 + weight",
        swapped(_scaled_by("one_plus_weight"), scale="weight"),
    ),
    Mistake(
        "norm-with-one",
        "RMSNorm multiplies with 1 + weight, as Gemma's; here it is with the weight",
        swapped(_scaled_by("weight"), scale="one_plus_weight"),
    ),
    *_mistakes_of(_LAYER_NORM),
    *_mistakes_of(_RMS_NORM),
)
