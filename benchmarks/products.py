"""The matrix products of a pass and nothing else."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def multiply_all(matrices: Sequence[Tensor], tokens: int) -> None:
    """Multiply ``tokens`` rows with each (out, in) matrix once."""
    inputs: dict[int, Tensor] = {}
    for matrix in matrices:
        width = matrix.shape[1]
        if width not in inputs:
            inputs[width] = torch.full((tokens, width), 0.01)
        F.linear(inputs[width], matrix)
