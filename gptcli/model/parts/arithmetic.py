"""Small steps with a number or between two tensors."""

import torch
from torch import Tensor

from gptcli.architecture.parts import arithmetic
from gptcli.model.parts.leaf import Leaf, leaf_of


@leaf_of(arithmetic.Multiply)
class Multiply(Leaf):
    """The product of two tensors, number by number."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Two shapes that fit each other to the larger."""
        return x * y


@leaf_of(arithmetic.Scale)
class Scale(Leaf):
    """``x * factor``."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        # Multiplied by a number: what `*` takes is made a tensor first, which autograd would keep.
        scaled: Tensor = torch.ops.aten.mul.Scalar(x, self.part.factor)
        return scaled


@leaf_of(arithmetic.Softcap)
class Softcap(Leaf):
    """``cap * tanh(x / cap)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        bent = torch.ops.aten.div.Scalar(x, self.part.cap).tanh()
        capped: Tensor = torch.ops.aten.mul.Scalar(bent, self.part.cap)
        return capped


@leaf_of(arithmetic.Clamp)
class Clamp(Leaf):
    """Cut at plus and minus the limit."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return torch.clamp(x, -self.part.limit, self.part.limit)


@leaf_of(arithmetic.Sigmoid)
class Sigmoid(Leaf):
    """``1 / (1 + exp(-x))``."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return x.sigmoid()


@leaf_of(arithmetic.Temperature)
class Temperature(Leaf):
    """Queries made larger the later they stand."""

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """(B, H, T, D) and (T,) -> (B, H, T, D)."""
        spans = ((positions.float() + 1) / self.part.floor).floor()  # (T,)
        scale = spans.log1p() * self.part.scale + 1  # (T,)
        return torch.mul(x, scale[:, None].to(x.dtype))
