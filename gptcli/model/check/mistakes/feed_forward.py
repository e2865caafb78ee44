"""Mistakes in the feed forward."""

from functools import partial

import torch
from msgspec.structs import replace
from torch.nn import functional as F

from gptcli.architecture import Group, Part
from gptcli.architecture.parts.activations import Silu
from gptcli.architecture.parts.arithmetic import Multiply
from gptcli.architecture.parts.gelu import Gelu
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.roles import GATE, TO_RESIDUAL
from gptcli.model.check.mistakes.edits import AGAIN, a, followed, instead, swapped, without
from gptcli.model.check.mistakes.instead import Compute, Instead
from gptcli.model.check.mistakes.mistake import Mistake

_GELUS: dict[str, Compute] = {
    "tanh form": lambda _, x: F.gelu(x, approximate="tanh"),
    "exact": lambda _, x: F.gelu(x),
}
_gelu = a(Gelu)
_back = a(Linear, role=TO_RESIDUAL, within="feed_forward")


def _expand(part: Part, group: Group) -> bool:
    """Whether a part is the first layer."""
    return isinstance(part, Linear) and group.kind == "feed_forward" and part.role != TO_RESIDUAL


def _again(form: str, back: Part) -> Part:
    return Instead(label="GELU", shape=back.shape, compute=_GELUS[form])


def _gate_and_partner(group: Group) -> tuple[str, str] | None:
    """Return the names of the gate's layer and of the layer that it is multiplied with."""
    product = next((node for _, node in group.parts if isinstance(node, Multiply)), None)
    gate = next((name for name, node in group.parts if isinstance(node, Linear) and node.role == GATE), None)
    return None if product is None or gate is None else (gate, product.reads[1])


def _swapped_gate(group: Group) -> Group:
    """Activate the other one of the two."""
    found = _gate_and_partner(group)
    if found is None:
        return group
    gate, partner = found
    other = {gate: partner, partner: gate}
    parts = [
        (
            name,
            node
            if isinstance(node, Linear)
            else replace(node, reads=tuple(other.get(each, each) for each in node.reads)),
        )
        for name, node in group.parts
    ]
    parts.sort(key=lambda each: each[0] not in found)  # both stand before what reads them
    return replace(group, parts=tuple(parts))


_silu = a(Silu)

MISTAKES = (
    Mistake(
        "gate-up-swapped",
        "gate and up are swapped: the activated one is the gate (gate_proj, fc1), act(gate) * up",
        _swapped_gate,
    ),
    Mistake(
        "no-up", "the gate is not multiplied with up: down(act(gate) * up)", without(a(Multiply, within="feed_forward"))
    ),
    Mistake("gelu", "GELU in place of SiLU", instead(_silu, _GELUS["exact"])),
    Mistake("gelu", "GELU's tanh form in place of SiLU", instead(_silu, _GELUS["tanh form"])),
    Mistake("relu", "ReLU in place of SiLU", instead(_silu, lambda _, x: F.relu(x))),
    Mistake("sigmoid", "a sigmoid in place of SiLU, x * sigmoid(x)", instead(_silu, lambda _, x: x.sigmoid())),
    Mistake("no-activation", "no activation: SiLU is missing", without(_silu)),
    Mistake(
        "exact-gelu",
        "exact GELU where the config has its tanh form, GPT-2's: nn.GELU(approximate='tanh'); if the exact one is "
        "meant, --set activation=gelu",
        swapped(_gelu, exact=True),
    ),
    Mistake(
        "tanh-gelu",
        "GELU's tanh form where the config has the exact one: nn.GELU(); if the tanh form is meant, GPT-2's own, "
        "--set activation=gelu_tanh",
        swapped(_gelu, exact=False),
    ),
    Mistake("relu", "ReLU in place of GELU", instead(_gelu, lambda _, x: F.relu(x))),
    Mistake("silu", "SiLU in place of GELU", instead(_gelu, lambda _, x: F.silu(x))),
    Mistake(
        "sigmoid-gelu",
        "GELU's sigmoid form, x * sigmoid(1.702 x), where the config has another form",
        instead(_gelu, lambda _, x: x * torch.sigmoid(1.702 * x)),
    ),
    Mistake("tanh", "tanh in place of GELU", instead(_gelu, lambda _, x: x.tanh())),
    Mistake("no-activation", "no activation: GELU is missing between the two linear layers", without(_gelu)),
    *(
        Mistake(
            "activation-twice",
            "an activation after the second linear layer of the feed forward too; it stands only between the two",
            followed(_back, f"act{AGAIN}", partial(_again, form)),
        )
        for form in _GELUS
    ),
    Mistake(
        "expand-bias-unused",
        "missing bias: that of the feed forward's first linear layer is not added",
        swapped(_expand, bias=False),
    ),
    Mistake(
        "back-bias-unused",
        "missing bias: that of the feed forward's second linear layer is not added",
        swapped(_back, bias=False),
    ),
)
