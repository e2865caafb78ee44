"""Linear layers."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from gptcli.architecture import Sizes
from gptcli.architecture.parts import linear
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of


@leaf_of(linear.Linear)
class Linear(Leaf):
    """``x @ weight.T + bias``; the weight is (out, in), as in ``torch.nn.Linear``.

    Attributes:
        product: what multiplies; `gptcli.model.products` puts a faster one in this place.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    product: Callable[[Tensor, Tensor, Tensor | None], Tensor]

    def __init__(self, part: linear.Linear, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.product = F.linear
        if not part.bias:
            self.register_parameter("bias", None)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return self.product(x, self.weight, self.bias)
