"""Mistakes in the feed forward."""

from functools import partial

import torch
from torch.nn import functional as F

from gptcli.architecture import Group, Part
from gptcli.architecture.parts.gelu import Gelu
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.roles import TO_RESIDUAL
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


MISTAKES = (
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
