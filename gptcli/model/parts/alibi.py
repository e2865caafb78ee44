"""Attention with linear biases."""

import torch
from torch import Tensor

from gptcli.architecture import Sizes, size
from gptcli.architecture.axes import D, H
from gptcli.architecture.parts import alibi
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of


@leaf_of(alibi.Alibi)
class Alibi(Leaf):
    """Each head's slope times how far back a key stands is taken off its scores.

    Attributes:
        slopes: (H, 1, 1), in fp32.
    """

    def __init__(self, part: alibi.Alibi, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.slopes = torch.tensor(slopes_of(size(H, sizes), part.steepest))[:, None, None]
        self.scale = size(D, sizes) ** -0.5 if part.scaled else 1.0

    def forward(self, scores: Tensor) -> Tensor:
        """(B, H, T, K) -> the same."""
        return scores + self.bias(scores.shape[-2], scores.shape[-1], scores)

    def bias(self, queries: int, keys: int, like: Tensor) -> Tensor:
        """Return what is added to the scores, in the dtype and on the device of a tensor: (H, T, K), or (H, 1, K).

        Adding the same to all scores of a query changes no share. Where slopes are rounded (Falcon), they are
        multiplied with the key's own position, whose rounding is no difference of two.
        """
        slopes = self.slopes.to(like.device)
        places = torch.arange(keys, device=like.device)  # (K,)
        if self.part.bf16:
            rounded = slopes.bfloat16() * places  # (H, 1, K)
            return rounded.to(like.dtype) * self.scale
        behind = places - places[keys - queries :, None]  # (T, K), 0 and below where a key is seen
        return (slopes * self.scale * behind).to(like.dtype)


def slopes_of(heads: int, steepest: float) -> list[float]:
    """Return each head's slope (Press et al. 2021, section 3).

    A power of two n of heads has ``2 ** -(steepest * i / n)``, i from 1 on. Other numbers take every second one of the
    next power of two, then what lies between those, from the first on (as in the authors' code).
    """
    whole = 2 ** (heads - 1).bit_length()
    all_slopes = [2 ** -(steepest * i / whole) for i in range(1, whole + 1)]
    return all_slopes if whole == heads else [*all_slopes[1::2], *all_slopes[::2]][:heads]
