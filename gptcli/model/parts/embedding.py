"""Rows of a table."""

from torch import Tensor, nn
from torch.nn import functional as F

from gptcli.architecture.parts import embedding
from gptcli.model.parts.leaf import Leaf, leaf_of


@leaf_of(embedding.Embedding)
class Embedding(Leaf):
    """Rows of a table, by index."""

    weight: nn.Parameter

    def forward(self, index: Tensor) -> Tensor:
        """(...) integers -> (..., C)."""
        return F.embedding(index + self.part.offset if self.part.offset else index, self.weight)
