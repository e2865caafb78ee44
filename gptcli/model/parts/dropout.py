"""Dropout."""

from torch import Tensor
from torch.nn import functional as F

from gptcli.architecture.parts import dropout
from gptcli.model.parts.leaf import Leaf, leaf_of


@leaf_of(dropout.Dropout)
class Dropout(Leaf):
    """Dropout with the rate of the description."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.dropout(x, self.part.rate) if self.training else x
