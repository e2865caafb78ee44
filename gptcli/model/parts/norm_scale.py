"""What a norm multiplies with."""

import torch
from torch import Tensor

from gptcli.architecture.parts.norm_scale import NormScale


def scale_of(weight: Tensor | None, scale: NormScale) -> Tensor | None:
    """Return a weight, 1 + it, or None where a norm has none.

    The sum is made in fp32 at least: in 16 bits 1 + 0.001 would be 1.
    """
    if weight is None or scale == "weight":
        return weight
    return weight.to(torch.promote_types(weight.dtype, torch.float32)) + 1
