"""GELU."""

from torch import Tensor
from torch.nn import functional as F

from gptcli.architecture.parts import gelu
from gptcli.model.parts.leaf import Leaf, leaf_of


@leaf_of(gelu.Gelu)
class Gelu(Leaf):
    """GELU, exact or in its tanh form."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.gelu(x, approximate="none" if self.part.exact else "tanh")
