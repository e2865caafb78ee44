"""Norms as a plan has them."""

from collections.abc import Callable
from functools import partial

from gptcli.architecture.axes import B, C, Dim, Shape, T
from gptcli.architecture.layer_plan import LayerPlan
from gptcli.architecture.parts.layer_norm import LayerNorm
from gptcli.architecture.parts.part import Part, part_kind
from gptcli.architecture.parts.rms_norm import RMSNorm
from gptcli.architecture.roles import Role

STREAM = (B, T, C)


def norm(plan: LayerPlan, label: str, reads: str, role: Role | None = None, width: Dim = C) -> Part:
    """Return a norm of the residual stream; ``{}`` in its label is what people call its kind."""
    return shaped_norm(plan, label, reads, (B, T, width), width, role=role, bias=plan.norm_bias)


def shaped_norm(
    plan: LayerPlan,
    label: str,
    reads: str,
    shape: Shape,
    features: Dim,
    *,
    role: Role | None = None,
    bias: bool = False,
    heads: Dim | None = None,
    scaled: bool = True,
    eps: float | None = None,
) -> Part:
    """Return a norm of the plan's kind over the last dimension of a shape.

    Args:
        plan: of the layer.
        label: as for `norm`.
        reads: what it takes.
        shape: of that.
        features: the last dimension.
        role: what the norm is for.
        bias: whether a layer norm shifts.
        heads: where each has weights of its own.
        scaled: False for a norm without weights.
        eps: added in the root, where it is not the plan's.
    """
    norms: dict[str, Callable[..., Part]] = {
        "layer_norm": partial(LayerNorm, bias=bias),
        "rms_norm": RMSNorm,
    }
    scale = plan.norm_scale if scaled else "none"
    special = {**({"scale": scale} if scale != "weight" else {}), **({"heads": heads} if heads is not None else {})}
    words = label.format(part_kind(plan.norm).called)
    return norms[plan.norm](
        label=words[0].upper() + words[1:],
        reads=(reads,),
        shape=shape,
        features=features,
        eps=plan.norm_eps if eps is None else eps,
        role=role,
        **special,
    )
