"""Activations beside GELU."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptcli.architecture.parts import activations
from gptcli.model.parts.leaf import Leaf, leaf_of


def squared_relu(x: Tensor) -> Tensor:
    """``max(x, 0) ** 2``."""
    return F.relu(x).square()


def quick_gelu(x: Tensor) -> Tensor:
    """``x * sigmoid(1.702 x)``."""
    # Multiplied by a number: what `*` takes is made a tensor first, which autograd would keep.
    steeper: Tensor = torch.ops.aten.mul.Scalar(x, 1.702)
    return x * steeper.sigmoid()


# By the names that configs have for them; xIELU has weights.
BY_NAME: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "gelu": F.gelu,
    "silu": F.silu,
    "relu": F.relu,
    "relu2": squared_relu,
    "quick_gelu": quick_gelu,
}


@leaf_of(activations.Silu)
class Silu(Leaf):
    """``x * sigmoid(x)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.silu(x)


@leaf_of(activations.Relu)
class Relu(Leaf):
    """``max(x, 0)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.relu(x)


@leaf_of(activations.SquaredRelu)
class SquaredRelu(Leaf):
    """``max(x, 0) ** 2``."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return squared_relu(x)


@leaf_of(activations.QuickGelu)
class QuickGelu(Leaf):
    """``x * sigmoid(1.702 x)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return quick_gelu(x)


@leaf_of(activations.Xielu)
class Xielu(Leaf):
    """A square above 0 and an exponential below, both learned, and half of ``x``."""

    alpha_p: nn.Parameter
    alpha_n: nn.Parameter

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        above = F.softplus(self.alpha_p)  # (1,)
        below = activations.XIELU_BETA + F.softplus(self.alpha_n)  # (1,)
        bent = torch.expm1(x.clamp(max=activations.XIELU_EPS)) - x
        return torch.where(x > 0, above * x * x, bent * below) + activations.XIELU_BETA * x
