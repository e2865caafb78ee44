"""Positions as sines and cosines."""

from math import log

import torch
from torch import Tensor
from torch.nn import functional as F

from gptcli.architecture import Sizes, size
from gptcli.architecture.parts import sinusoidal
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of

_LONGEST_WAVE = 10000.0


@leaf_of(sinusoidal.Sinusoidal)
class Sinusoidal(Leaf):
    """Sines of every position's angles, then cosines; an odd width ends with a zero.

    Attributes:
        frequencies: (C // 2), in fp32.
    """

    def __init__(self, part: sinusoidal.Sinusoidal, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        width = size(part.width, sizes)
        half = width // 2
        self.odd = width % 2
        step = log(_LONGEST_WAVE) / max(half - 1, 1)
        self.frequencies = torch.exp(torch.arange(half, dtype=torch.int64).float() * -step)

    def forward(self, positions: Tensor) -> Tensor:
        """(T,) -> (T, C)."""
        places = (positions + self.part.offset).float()  # (T,)
        angles = places[:, None] * self.frequencies.to(positions.device)  # (T, C // 2)
        waves = torch.cat((angles.sin(), angles.cos()), dim=1)  # (T, C or C - 1)
        return F.pad(waves, (0, self.odd)).to(self.stream) if self.odd else waves.to(self.stream)
