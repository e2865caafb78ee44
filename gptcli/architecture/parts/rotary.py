"""Rotary positions (Su et al. 2021): pairs of a head's numbers are rotated by an angle that grows with the position."""

from collections.abc import Sequence
from math import log, sqrt
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture.axes import ONE, Dim, Shape, Sizes, number, size
from gptcli.architecture.books import (
    BOOL,
    FP32,
    INDEX,
    PASSED_BACK,
    TEMPORARIES,
    Amount,
    Conditions,
    Gradient,
    Kernel,
    Temporary,
    Value,
)
from gptcli.architecture.calls import Calls
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


def attention_factor(scaling: Scaling) -> float:
    """Return what cosine and sine are multiplied with: what is given, or what the kind of scaling implies.

    yarn's is 0.1 log(factor) + 1 (Peng et al. 2023, section 3.4), with ``mscale`` a quotient of two such; longrope's is
    sqrt(1 + log(factor) / log(original)) (Ding et al. 2024, section 4).
    """
    if scaling.kind not in ("yarn", "longrope"):
        return 1.0
    if scaling.attention_factor is not None:
        return scaling.attention_factor
    if scaling.kind == "longrope":
        return sqrt(1 + log(scaling.factor) / log(scaling.original)) if scaling.factor > 1 else 1.0
    if scaling.mscale and scaling.mscale_all_dim:
        return _mscale(scaling.factor, scaling.mscale) / _mscale(scaling.factor, scaling.mscale_all_dim)
    return _mscale(scaling.factor, 1.0)


def _mscale(factor: float, by: float) -> float:
    return 0.1 * by * log(factor) + 1.0 if factor > 1 else 1.0


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

    def held(self, sizes: Sizes) -> tuple[Shape, ...]:  # noqa: D102  # as in the base class
        frequencies = (number(size(self.width, sizes) // 2),)
        return (frequencies,) * (2 if self.scaling.kind == "longrope" else 1)

    def formula(self) -> str:  # noqa: D102
        stretched = f", {self.scaling.kind}" if self.scaling.kind != "none" else ""
        return f"cos, sin of position / {self.base:g}**(2i / R){stretched}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (positions,) = reads
        calls = Calls(self.label, out, reads, given)
        (tokens,) = positions.shape
        half = number(calls.sizes((self.width,))[0] // 2)
        frequencies = self._frequencies(calls, positions, half)
        wide = calls.constant("float", positions.shape, FP32, reads)
        angles = calls.constant("angles", (tokens, half), FP32, (wide, *frequencies))
        waves = [calls.constant(step, (tokens, half), FP32, (angles,)) for step in ("cos", "sin")]
        turned = calls.constant("turned", (number(2), tokens, half), FP32, waves)
        if attention_factor(self.scaling) != 1:
            turned = calls.constant("scaled", turned.shape, FP32, (turned,))
        calls.constant("", self.shape, FP32, (turned,))
        return calls.done(angles)

    def _frequencies(self, calls: Calls, positions: Value, half: Dim) -> tuple[Value, ...]:
        """Make the frequencies of a text of this length, where they are not those of every text."""
        if self.scaling.kind not in ("dynamic", "longrope"):
            return ()
        of_long = self._of_length(calls, positions, half) if self.scaling.kind == "dynamic" else ()
        late = calls.constant("late", (ONE,), BOOL, (positions,))
        return (calls.constant("frequencies", (half,), FP32, (late, *of_long)),)

    @staticmethod
    def _of_length(calls: Calls, positions: Value, half: Dim) -> tuple[Value, ...]:
        """Make the frequencies of a base that grows with the length."""
        length = calls.constant("length", (ONE,), INDEX, (positions,))
        stretched = calls.constant("stretched", (ONE,), FP32, (length,))
        base = calls.constant("base", (ONE,), FP32, (stretched,))
        places = calls.constant("places", (half,), INDEX, (base,))
        wide = calls.constant("places:float", (half,), FP32, (places,))
        parts = calls.constant("exponents", (half,), FP32, (wide,))
        powers = calls.constant("powers", (half,), FP32, (parts,))
        plain = calls.constant("plain", (half,), FP32, (powers,))
        calls.hold(length, stretched, base)
        return (plain, length, stretched, base)


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

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        x, table = reads
        calls = Calls(self.label, out, reads, given)
        held = []
        if table.item != x.item:
            table = calls.constant("table", table.shape, x.item, reads[1:])
            held.append(table)
        angle = replace(table, shape=table.shape[1:])  # cosines or sines
        partial = calls.sizes((self.width,)) != calls.sizes((self.of,))
        turning = calls.sliced("turning", x, (*x.shape[:-1], self.width)) if partial else x
        straight = calls.times("straight", turning, angle)
        across = (_neighbours if self.interleaved else _halves)(calls, turning)
        turned = _added(calls, "turned" if partial else "", straight, across, angle)
        if partial:
            rest = Dim(tuple(term for term in (self.of + -1 * self.width).terms))
            calls.joined("", (turned, calls.sliced("rest", x, (*x.shape[:-1], rest))), x.shape)
        return calls.done(*held)


def _halves(calls: Calls, x: Value) -> Value:
    """``cat((-second, first))`` of both halves, which are views that one call makes."""
    shape = (*x.shape[:-1], number(calls.sizes(x.shape)[-1] // 2))
    lies = calls.strides(x)
    first, second = (Value(calls.name(step), x.item, shape, lies, x.grad) for step in ("first", "second"))
    calls.split((first, second), x)
    return calls.joined("across", (calls.mapped("minus", second), first), x.shape)


def _neighbours(calls: Calls, x: Value) -> Value:
    """``stack((-odd, even))``: every second number is a view, whose gradient is all of them."""
    half = (*x.shape[:-1], number(calls.sizes(x.shape)[-1] // 2))
    even, odd = (calls.sliced(step, x, half, every=2) for step in ("even", "odd"))
    stacked = calls.joined("stacked", (calls.mapped("minus", odd), even), (*half, number(2)))
    return calls.reshaped("across", stacked, x.shape)


def _added(calls: Calls, step: str, x: Value, y: Value, angle: Value) -> Value:
    """``addcmul(x, y, angle)``: y's gradient is the incoming one times the angle, which is scaled first."""
    value = replace(x, name=calls.name(step))
    scaled = Temporary(Amount(TEMPORARIES, angle.shape, angle.item), until=y.name)
    back = Gradient(Amount(PASSED_BACK, y.shape, y.item), y.name, shape=calls.sizes(y.shape))
    return calls.call(value, (x, y, angle), saves=(angle.name,), gradients=(scaled, back))
