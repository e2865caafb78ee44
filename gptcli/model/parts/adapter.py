"""Where a low-rank adapter meets the layer that it adapts."""

from typing import Any

import torch
from torch import Tensor

from gptcli.architecture.parts import adapter
from gptcli.model.parts.leaf import Leaf, leaf_of


@leaf_of(adapter.AdapterSum)
class AdapterSum(Leaf):
    """``base + adapter * factor``."""

    consumes = True

    def forward(self, taken: list[Any]) -> Tensor:
        """(..., out) of the base layer and of the adapter -> (..., out)."""
        # Multiplied by a number: what `*` takes is made a tensor first, which autograd would keep.
        scaled: Tensor = torch.ops.aten.mul.Scalar(taken.pop(), self.part.factor)
        base: Tensor = taken.pop()
        return base + scaled
