"""From a projection to heads, and pieces of the last dimension: views; and pieces laid side by side."""

import torch
from torch import Tensor

from gptcli.architecture import Sizes, size
from gptcli.architecture.parts import heads
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of


@leaf_of(heads.Piece)
class Piece(Leaf):
    """Some of the last dimension, a view."""

    def __init__(self, part: heads.Piece, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.start, self.width = size(part.start, sizes), size(part.width, sizes)

    def forward(self, x: Tensor) -> Tensor:
        """(..., all) -> (..., width)."""
        return some_of(x, self.start, self.width)


def some_of(x: Tensor, start: int, width: int) -> Tensor:
    """Return some of the last dimension; all of it is the tensor itself, whose gradient then needs no copy."""
    return x if width == x.shape[-1] else x.narrow(-1, start, width)


@leaf_of(heads.Heads)
class Heads(Leaf):
    """Some of the last dimension seen as heads, a view."""

    def __init__(self, part: heads.Heads, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.start, self.amount, self.width = (size(dim, sizes) for dim in (part.start, part.amount, part.width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, all) -> (B, amount, T, width)."""
        some = some_of(x, self.start, self.amount * self.width)  # (B, T, amount * width)
        return some.view(*x.shape[:-1], self.amount, self.width).transpose(1, 2)


@leaf_of(heads.Joined)
class Joined(Leaf):
    """Two pieces of every head side by side; a piece with one head goes to each."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(B, H, T, N) and (B, H or 1, T, R) -> (B, H, T, N + R)."""
        return torch.cat((x, y.expand(*x.shape[:-1], -1)), dim=-1)
