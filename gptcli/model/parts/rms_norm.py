"""RMSNorm."""

from torch import Tensor, nn
from torch.nn import functional as F

from gptcli.architecture.parts import rms_norm
from gptcli.model.parts.leaf import Leaf, leaf_of


@leaf_of(rms_norm.RMSNorm)
class RMSNorm(Leaf):
    """Mean square 1, and scale, over the last dimension."""

    weight: nn.Parameter

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return F.rms_norm(x, self.weight.shape, self.weight, self.part.eps)
