"""Positions as sines and cosines (Vaswani et al. 2017, section 3.5)."""

from typing import ClassVar

from gptcli.architecture.axes import Dim
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct


class Sinusoidal(Part, frozen=True, kw_only=True):
    """Sines of every position's angles, then cosines: (T, C); ``offset`` is added to the position."""

    kind: ClassVar[str] = "sinusoidal"
    family: ClassVar[Family] = "embedding"
    sentence: ClassVar[str] = "Sines and cosines of the position at many frequencies, so that each position differs."

    width: Dim
    offset: int = 0

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return "[sin, cos] of position * exp(-i * log(10000) / (C/2 - 1))"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()
