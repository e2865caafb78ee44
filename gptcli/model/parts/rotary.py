"""Rotary positions: the angles of all positions, and the rotation by them.

How frequencies are stretched, and in which order that is computed, is as in transformers, so that angles are equal to
the last bit. Angles are computed in fp32, whatever the network's dtype.
"""

from math import ceil, floor, log, pi

import torch
from torch import Tensor

from gptcli.architecture import Sizes, size
from gptcli.architecture.parts import rotary
from gptcli.architecture.parts.rotary import Scaling, attention_factor
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of


@leaf_of(rotary.RotaryTable)
class RotaryTable(Leaf):
    """Cosine and sine of every position's angles, in fp32.

    Attributes:
        frequencies: (R / 2), up to the length that the network was trained on.
        late: (R / 2), of longer texts, where those have others.
        factor: what cosine and sine are multiplied with.
    """

    def __init__(self, part: rotary.RotaryTable, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.width = size(part.width, sizes)
        self.frequencies, self.late = _frequencies(part.scaling, part.base, self.width)
        self.factor = attention_factor(part.scaling)

    def forward(self, positions: Tensor) -> Tensor:
        """(T,), ascending -> (2, T, R)."""
        angles = positions.float()[:, None] * self._frequencies(positions)  # (T, R / 2)
        turned = torch.stack((angles.cos(), angles.sin()))  # (2, T, R / 2)
        if self.factor != 1:
            turned = turned * self.factor
        if self.part.interleaved:
            return turned.repeat_interleave(2, dim=-1)
        return torch.cat((turned, turned), dim=-1)

    def _frequencies(self, positions: Tensor) -> Tensor:
        """Return the frequencies (R / 2) for a text that ends with the last position."""
        scaling: Scaling = self.part.scaling
        frequencies = self.frequencies.to(positions.device)
        if scaling.kind == "longrope":
            return torch.where(positions[-1] < scaling.original, frequencies, self.late.to(positions.device))
        if scaling.kind == "dynamic":
            length = (positions[-1] + 1).clamp(min=scaling.longest)
            stretched = scaling.factor * length / scaling.longest - (scaling.factor - 1)
            base = self.part.base * stretched ** (self.width / (self.width - 2))
            return torch.where(positions[-1] < scaling.longest, frequencies, _plain(base, self.width))
        return frequencies


@leaf_of(rotary.Rotary)
class Rotary(Leaf):
    """Pairs of a head's first numbers rotated by a position's angles; the others stay."""

    def __init__(self, part: rotary.Rotary, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.width, self.rest = size(part.width, sizes), size(part.of, sizes) - size(part.width, sizes)

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        """(B, H, T, D) and (2, T, R) -> (B, H, T, D)."""
        cos, sin = table.to(x.dtype).unbind()  # (T, R) each
        turning = x.narrow(-1, 0, self.width) if self.rest else x  # (B, H, T, R)
        turned = torch.addcmul(turning * cos, self._across(turning), sin, value=-1 if self.part.reversed else 1)
        return torch.cat((turned, x.narrow(-1, self.width, self.rest)), dim=-1) if self.rest else turned

    def _across(self, x: Tensor) -> Tensor:
        """(..., R) -> (..., R): of each pair (a, b) the pair (-b, a)."""
        if self.part.interleaved:
            first, second = x[..., ::2], x[..., 1::2]  # (..., R / 2) each
            return torch.stack((-second, first), dim=-1).flatten(-2)
        first, second = x.chunk(2, dim=-1)  # (..., R / 2) each
        return torch.cat((-second, first), dim=-1)


def _frequencies(scaling: Scaling, base: float, width: int) -> tuple[Tensor, Tensor]:
    """Return the frequencies (R / 2), and those of texts over the original length."""
    plain = _plain(base, width)
    if scaling.kind == "linear":
        plain = plain / scaling.factor
    elif scaling.kind == "llama3":
        plain = _llama3(scaling, plain)
    elif scaling.kind == "yarn":
        plain = _yarn(scaling, base, width)
    elif scaling.kind == "longrope":
        short, long = torch.tensor(scaling.short_factors), torch.tensor(scaling.long_factors)
        return 1.0 / (short * _powers(base, width)), 1.0 / (long * _powers(base, width))
    return plain, plain


def _powers(base: float | Tensor, width: int) -> Tensor:
    """``base ** (2i / R)``, (R / 2)."""
    device = base.device if isinstance(base, Tensor) else "cpu"
    found: Tensor = base ** (torch.arange(0, width, 2, dtype=torch.int64).to(device, torch.float32) / width)
    return found


def _plain(base: float | Tensor, width: int) -> Tensor:
    return 1.0 / _powers(base, width)


def _llama3(scaling: Scaling, frequencies: Tensor) -> Tensor:
    """Long waves are stretched whole, short ones not at all, others in between (Llama Team 2024, in its code)."""
    waves = 2 * pi / frequencies  # (R / 2)
    longest, shortest = scaling.original / scaling.low_freq_factor, scaling.original / scaling.high_freq_factor
    stretched = torch.where(waves > longest, frequencies / scaling.factor, frequencies)
    smooth = scaling.original / waves - scaling.low_freq_factor
    smooth = smooth / (scaling.high_freq_factor - scaling.low_freq_factor)
    between = (1 - smooth) * stretched / scaling.factor + smooth * stretched
    return torch.where((waves >= shortest) & (waves <= longest), between, stretched)


def _yarn(scaling: Scaling, base: float, width: int) -> Tensor:
    """Frequencies that turn often are left alone, those that turn seldom stretched (Peng et al. 2023, section 3.2)."""
    powers = _powers(base, width)  # (R / 2)
    low, high = (_place_of(turns, scaling.original, base, width) for turns in (scaling.beta_fast, scaling.beta_slow))
    if scaling.truncate:
        low, high = floor(low), ceil(high)
    low, high = max(low, 0), min(high, width - 1)
    high = high + 0.001 if low == high else high  # no division by zero
    ramp = ((torch.arange(width // 2, dtype=torch.float32) - low) / (high - low)).clamp(0, 1)  # (R / 2)
    kept = 1 - ramp
    return 1.0 / (scaling.factor * powers) * (1 - kept) + 1.0 / powers * kept


def _place_of(turns: float, length: int, base: float, width: int) -> float:
    """Return which frequency turns so often over the original length."""
    return width * log(length / (turns * 2 * pi)) / (2 * log(base))
