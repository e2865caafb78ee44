"""A softmax in which a learned number of each head takes part."""

import torch
from torch import Tensor, nn

from gptcli.architecture.parts import sinks
from gptcli.model.parts.leaf import Leaf, leaf_of


@leaf_of(sinks.SinkSoftmax)
class SinkSoftmax(Leaf):
    """Scores to weights; with the sink's they add up to one over the keys."""

    sinks: nn.Parameter

    def forward(self, scores: Tensor) -> Tensor:
        """(B, H, T, K) -> the same."""
        sink = self.sinks.to(scores.dtype).view(-1, 1, 1).expand(*scores.shape[:-1], 1)  # (B, H, T, 1)
        return torch.cat((scores, sink), dim=-1).softmax(dim=-1)[..., :-1]  # (B, H, T, K), a view
