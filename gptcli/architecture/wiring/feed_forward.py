"""The feed forward: plain, gated (Shazeer 2020), or a mixture of experts."""

from collections.abc import Callable
from functools import partial

from gptcli.architecture.axes import ONE, A, B, C, Dim, E, F, M, T, Y
from gptcli.architecture.layer_plan import ExpertsPlan, LayerPlan
from gptcli.architecture.network import Group, Node
from gptcli.architecture.parts.activations import QuickGelu, Relu, Silu, SquaredRelu, Xielu
from gptcli.architecture.parts.add import Add
from gptcli.architecture.parts.arithmetic import Multiply, Sigmoid
from gptcli.architecture.parts.experts import ExpertChoice, Experts, ExpertShares
from gptcli.architecture.parts.gelu import Gelu
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.parts.part import Part
from gptcli.architecture.roles import GATE, ROUTER, TO_RESIDUAL
from gptcli.architecture.wiring.norms import STREAM

Parts = list[tuple[str, Node]]
_ACTIVATIONS: dict[str, Callable[..., Part]] = {
    "silu": partial(Silu, label="SiLU"),
    "relu": partial(Relu, label="ReLU"),
    "relu2": partial(SquaredRelu, label="Squared ReLU"),
    "quick_gelu": partial(QuickGelu, label="Quick GELU"),
    "xielu": partial(Xielu, label="xIELU"),
}


def feed_forward(plan: LayerPlan, reads: str) -> Group:
    """Build the feed forward of a layer."""
    return _dense(plan, reads, F) if plan.experts is None else _mixture(plan, plan.experts, reads)


def _activation(plan: LayerPlan, reads: str, width: Dim) -> Part:
    if plan.activation is None:
        return Gelu(label="GELU", reads=(reads,), shape=(B, T, width), exact=plan.exact_gelu)
    return _ACTIVATIONS[plan.activation](reads=(reads,), shape=(B, T, width))


def _dense(plan: LayerPlan, reads: str, width: Dim, label: str = "Feed forward") -> Group:
    bias = plan.bias if plan.mlp_bias is None else plan.mlp_bias
    wide = (B, T, width)
    parts: Parts = []
    if plan.gated:
        parts += [
            ("gate_proj", Linear(label="Gate", shape=wide, inputs=C, outputs=(width,), bias=bias, role=GATE)),
            ("act", _activation(plan, "gate_proj", width)),
            ("up_proj", Linear(label="Expand", shape=wide, inputs=C, outputs=(width,), bias=bias)),
            ("gated", Multiply(label="Gated", reads=("act", "up_proj"), shape=wide)),
        ]
    else:
        parts += [
            ("c_fc", Linear(label="Expand", shape=wide, inputs=C, outputs=(width,), bias=bias)),
            ("act", _activation(plan, "c_fc", width)),
        ]
    back = Linear(
        label="Project back",
        reads=(parts[-1][0],),
        shape=STREAM,
        inputs=width,
        outputs=(C,),
        bias=bias,
        role=TO_RESIDUAL,
    )
    parts.append(("c_proj", back))
    return Group(
        kind="feed_forward",
        label=label,
        computes="c_proj(act(gate_proj(x)) * up_proj(x))" if plan.gated else "c_proj(act(c_fc(x)))",
        reads=(reads,),
        parts=tuple(parts),
    )


def _mixture(plan: LayerPlan, experts: ExpertsPlan, reads: str) -> Group:
    visits = (B, T, A)
    parts: Parts = [
        (
            "router",
            Linear(label="Router", shape=(B, T, E), inputs=C, outputs=(E,), bias=experts.router_bias, role=ROUTER),
        ),
        (
            "chosen",
            ExpertChoice(
                label="Chosen experts",
                reads=("router",),
                shape=visits,
                router=experts.router,
                groups=experts.groups,
                top_groups=experts.top_groups,
                group_score=experts.group_score,
                correction=experts.correction,
                jitter=experts.jitter,
            ),
        ),
        (
            "shares",
            ExpertShares(
                label="Their shares",
                reads=("router", "chosen"),
                shape=visits,
                router=experts.router,
                renormalize=experts.renormalize,
                least=experts.least,
                scale=experts.scale,
                jitter=experts.jitter,
            ),
        ),
        (
            "experts",
            Experts(
                label="Routed experts",
                reads=("x", "chosen", "shares"),
                shape=STREAM,
                inputs=C,
                width=M,
                activation=plan.activation or ("gelu" if plan.exact_gelu else "gelu_tanh"),
                gated=plan.gated,
                bias=experts.bias,
                scaled_input=experts.router == "sigmoid_input",
                limit=experts.limit,
                alpha=experts.alpha,
            ),
        ),
    ]
    if experts.shared:
        parts += _shared(plan, experts)
    return Group(
        kind="mixture_of_experts",
        label="Mixture of experts",
        computes="sum of share * expert(x) over the chosen experts" + (" + shared(x)" if experts.shared else ""),
        reads=(reads,),
        parts=tuple(parts),
    )


def _shared(plan: LayerPlan, experts: ExpertsPlan) -> Parts:
    """The expert that every token visits, and the sum."""
    parts: Parts = [("shared", _dense(plan, "x", Y, "Shared expert"))]
    if experts.shared_gate:
        one = (B, T, ONE)
        parts += [
            ("shared_gate", Linear(label="Shared gate", shape=one, inputs=C, outputs=(ONE,), bias=False)),
            ("opened", Sigmoid(label="Sigmoid", reads=("shared_gate",), shape=one)),
            ("shared_part", Multiply(label="Shared part", reads=("opened", "shared"), shape=STREAM)),
        ]
    total = Add(label="Routed + shared", reads=("experts", parts[-1][0]), shape=STREAM)
    return [*parts, ("total", total)]
