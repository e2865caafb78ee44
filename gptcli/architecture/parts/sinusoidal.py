"""Positions as sines and cosines (Vaswani et al. 2017, section 3.5)."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.axes import Dim, Shape, Sizes, number, size
from gptcli.architecture.books import FP32, INDEX, Conditions, Kernel, Value
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct


class Sinusoidal(Part, frozen=True, kw_only=True):
    """Sines of every position's angles, then cosines: (T, C); ``offset`` is added to the position."""

    kind: ClassVar[str] = "sinusoidal"
    family: ClassVar[Family] = "embedding"
    sentence: ClassVar[str] = "Sines and cosines of the position at many frequencies, so that each position differs."

    width: Dim
    offset: int = 0

    def held(self, sizes: Sizes) -> tuple[Shape, ...]:  # noqa: D102  # as in the base class
        return ((number(size(self.width, sizes) // 2),),)

    def formula(self) -> str:  # noqa: D102
        return "[sin, cos] of position * exp(-i * log(10000) / (C/2 - 1))"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (positions,) = reads
        calls = Calls(self.label, out, reads, given)
        (tokens,) = positions.shape
        width = calls.sizes((self.width,))[0]
        half = number(width // 2)
        moved = calls.constant("moved", positions.shape, INDEX, reads)
        places = calls.constant("places", positions.shape, FP32, (moved,))
        angles = calls.constant("angles", (tokens, half), FP32, (places,))
        parts = [calls.constant(step, (tokens, half), FP32, (angles,)) for step in ("sin", "cos")]
        odd, low = width % 2, given.stream_item != FP32
        waves = calls.constant("waves" if odd or low else "", (tokens, 2 * half), FP32, parts)
        padded = calls.constant("padded" if low else "", self.shape, FP32, (waves,)) if odd else waves
        if low:
            calls.constant("", self.shape, given.stream_item, (padded,))
        return calls.done(places, angles, waves)
