"""Layer norm."""

from torch import Tensor, nn
from torch.nn import functional as F

from gptcli.architecture import Sizes
from gptcli.architecture.parts import layer_norm
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of


@leaf_of(layer_norm.LayerNorm)
class LayerNorm(Leaf):
    """Zero mean, unit variance, scale and shift, over the last dimension."""

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, part: layer_norm.LayerNorm, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        if not part.bias:
            self.register_parameter("bias", None)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        weight = self.weight
        return F.layer_norm(x, weight.shape, weight, self.bias, self.part.eps)
