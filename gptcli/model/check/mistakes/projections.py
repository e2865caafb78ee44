"""Mistakes in attention's linear layers."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gptcli.architecture import size
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.roles import QUERY_KEY_VALUE, TO_RESIDUAL
from gptcli.model.check.mistakes.edits import a, instead, swapped, without
from gptcli.model.check.mistakes.instead import Compute
from gptcli.model.check.mistakes.mistake import Mistake

_qkv = a(Linear, role=QUERY_KEY_VALUE)
_projection = a(Linear, role=TO_RESIDUAL, within="attention")


def _turned(leaf: Any, x: Tensor) -> Tensor:
    return F.linear(x, leaf.weight.T, leaf.bias)


def _turned_rows(*turned: int) -> Compute:
    """Use some of the projections in the rows of the weight the wrong way round, by their numbers."""

    def compute(leaf: Any, x: Tensor) -> Tensor:
        rows = leaf.weight.split([size(outputs, leaf.sizes) for outputs in leaf.part.outputs])
        weight = torch.cat([each.T if number in turned else each for number, each in enumerate(rows)])
        return F.linear(x, weight, leaf.bias)

    return compute


MISTAKES = (
    Mistake(
        "qkv-transposed",
        "transposed projection: query, key and value use x @ W; nn.Linear computes x @ W.T",
        instead(_qkv, _turned_rows(0, 1, 2)),
    ),
    *(
        Mistake(
            f"{what}-transposed",
            f"transposed projection: the {what} uses x @ W; nn.Linear computes x @ W.T",
            instead(_qkv, _turned_rows(number)),
        )
        for number, what in enumerate(("query", "key", "value"))
    ),
    Mistake(
        "qkv-bias-unused",
        "missing bias: that of query, key and value is not added",
        swapped(_qkv, bias=False),
    ),
    Mistake(
        "projection-transposed",
        "transposed projection: attention's output projection uses x @ W; nn.Linear computes x @ W.T",
        instead(_projection, _turned),
    ),
    Mistake(
        "projection-missing",
        "attention's output projection is not applied",
        without(_projection),
    ),
    Mistake(
        "projection-bias-unused",
        "missing bias: that of attention's output projection is not added",
        swapped(_projection, bias=False),
    ),
)
