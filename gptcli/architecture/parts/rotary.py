"""Rotary positions (Su et al. 2021): pairs of a head's numbers are rotated by an angle that grows with the position."""

from typing import ClassVar

from msgspec import Struct

from gptcli.architecture.axes import Dim
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct
from gptcli.config.model_config import RopeScaling


class Scaling(Struct, frozen=True, kw_only=True):
    """How rotation is stretched to texts longer than those it was trained on.

    Attributes:
        kind: ``linear`` (Chen et al. 2023), ``dynamic``, ``llama3``, ``yarn`` (Peng et al. 2023) or ``longrope``
            (Ding et al. 2024), or ``none``.
        factor: how far.
        original: the length it was trained on.
        longest: the context length.
        low_freq_factor: llama3.
        high_freq_factor: llama3.
        beta_fast: yarn.
        beta_slow: yarn.
        truncate: yarn: bounds are whole numbers.
        mscale: yarn.
        mscale_all_dim: yarn.
        attention_factor: what sines and cosines are multiplied with; None for what the kind implies.
        short_factors: longrope, up to the original length.
        long_factors: longrope, for longer texts.
    """

    kind: RopeScaling = "none"
    factor: float = 1.0
    original: int = 0
    longest: int = 0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = True
    mscale: float = 0.0
    mscale_all_dim: float = 0.0
    attention_factor: float | None = None
    short_factors: tuple[float, ...] = ()
    long_factors: tuple[float, ...] = ()


class RotaryTable(Part, frozen=True, kw_only=True):
    """Cosine and sine of every position's angles, (2, T, R): ``angle = position * base ** (-2i / R)``.

    Attributes:
        base: of the frequencies.
        width: how many numbers of a head are rotated, R.
        scaling: how the angles are stretched.
        interleaved: whether neighbours are a pair, or a number of the first half and one of the second.
    """

    kind: ClassVar[str] = "rotary_table"
    family: ClassVar[Family] = "embedding"
    sentence: ClassVar[str] = "Cosine and sine of the angles by which queries and keys of every position are rotated."

    base: float
    width: Dim
    scaling: Scaling = Scaling()
    interleaved: bool = False

    def formula(self) -> str:  # noqa: D102  # as in the base class
        stretched = f", {self.scaling.kind}" if self.scaling.kind != "none" else ""
        return f"cos, sin of position / {self.base:g}**(2i / R){stretched}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()


class Rotary(Part, frozen=True, kw_only=True):
    """Rotates the first numbers of every head by a position's angles (Su et al. 2021, equation 34).

    Attributes:
        width: how many are rotated; the others stay.
        of: the width of a head.
        interleaved: whether neighbours are a pair.
        reversed: whether it turns the other way.
    """

    kind: ClassVar[str] = "rotary"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = (
        "Rotates pairs of each head's numbers by an angle that grows with the position, so that a query meets a key by "
        "how far apart they stand."
    )

    width: Dim
    of: Dim
    interleaved: bool = False
    reversed: bool = False

    def formula(self) -> str:  # noqa: D102  # as in the base class
        pairs = "neighbours" if self.interleaved else "halves"
        sign = "-" if self.reversed else "+"
        part = f", first {self.width} of {self.of}" if self.width != self.of else ""
        return f"x * cos {sign} rotated(x) * sin, {pairs}{part}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()
