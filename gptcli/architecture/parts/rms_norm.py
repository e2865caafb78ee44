"""RMSNorm (Zhang and Sennrich 2019)."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace

from gptcli.architecture.axes import ONE, Dim, Shape, elements
from gptcli.architecture.books import (
    FP32,
    PASSED_BACK,
    TEMPORARIES,
    Amount,
    Conditions,
    Gradient,
    Kernel,
    Temporary,
    Value,
    cast,
    of_parameter,
)
from gptcli.architecture.parts.part import Draw, Family, Part, identity_draws
from gptcli.architecture.products import MatrixProduct


class RMSNorm(Part, frozen=True, kw_only=True):
    """Divides by the root of the mean square over the last dimension, then scales."""

    kind: ClassVar[str] = "rms_norm"
    family: ClassVar[Family] = "norm"
    sentence: ClassVar[str] = "Brings each token's vector to mean square 1, then scales it by learned numbers."
    composite_on: ClassVar[tuple[str, ...]] = ("cpu",)

    features: Dim
    eps: float

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        return {"weight": (self.features,)}

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:  # noqa: D102
        return identity_draws(self)

    def formula(self) -> str:  # noqa: D102
        return f"x / sqrt(mean(x**2) + {self.eps:g}) * weight"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (read,) = reads
        return (_composite if given.device in self.composite_on else _fused)(self, out, read, given)


_STEPS = "RMSNorm steps"
_STATISTICS = "RMSNorm statistics"


def _fused(part: RMSNorm, out: str, read: Value, given: Conditions) -> list[Kernel]:
    """CUDA's ``_fused_rms_norm``: it keeps its input and one fp32 statistic a token."""
    value = Amount(part.label, part.shape, read.item)
    statistic = Amount(_STATISTICS, part.shape[:-1], FP32)
    gradients = (
        Gradient(Amount(PASSED_BACK, part.shape, read.item), read.name),
        of_parameter(f"{out}.weight", (part.features,), given.stream_item),
    )
    return [Kernel(outs=(out,), made=(value, statistic), reads=(read.name,), saves=(read.name,), gradients=gradients)]


def _composite(part: RMSNorm, out: str, read: Value, given: Conditions) -> list[Kernel]:
    """List the calls of ``rms_norm_composite`` in torch's ``aten/src/ATen/native/layer_norm.cpp``, all in fp32.

    ::

        wide = x.to(float32)
        root = rsqrt(pow(wide, 2).mean(-1, keepdim=True).add_(eps))
        return wide.mul(root).mul(weight).type_as(x)

    The backward of each call is its formula in torch's ``tools/autograd/derivatives.yaml``; the engine then sums what
    ``mul`` passes back over the dimensions in which it broadcast.
    """
    rows: Shape = (*part.shape[:-1], ONE)
    weight, width = f"{out}.weight", (part.features,)
    whole, back = Amount(_STEPS, part.shape, FP32), Amount(PASSED_BACK, part.shape, FP32)
    row, back_row = Amount(_STATISTICS, rows, FP32), Amount(PASSED_BACK, rows, FP32)
    passing, passing_row = Amount(TEMPORARIES, part.shape, FP32), Amount(TEMPORARIES, rows, FP32)
    wide, squares, mean, root, normed, scaled = (
        f"{out}.{name}" for name in ("wide", "squares", "mean", "root", "normed", "scaled")
    )
    narrow = read.item < FP32
    if not narrow:
        wide, scaled = read.name, out
    before = [cast(_STEPS, part.shape, wide, read, FP32)] if narrow else []
    pow_ = Kernel(
        outs=(squares,),
        made=(whole,),
        reads=(wide,),
        saves=(wide,),
        # grad * (2 * wide.pow(1))
        gradients=(Temporary(passing), Temporary(passing), Gradient(back, wide)),
    )
    mean_ = Kernel(
        outs=(mean,),
        made=(row,),
        reads=(squares,),
        # grad.expand(...) / C
        gradients=(Gradient(back, squares),),
    )
    rsqrt = Kernel(
        outs=(root,),
        made=(row,),
        reads=(mean,),
        holds=(squares,),
        saves=(root,),
        # -0.5 * grad * root.pow(3)
        gradients=(Temporary(passing_row), Temporary(passing_row), Gradient(back_row, mean)),
    )
    over_rows = () if elements(width, given.sizes) == 1 else (Temporary(passing, until=root),)  # one number is no sum
    normalize = Kernel(
        outs=(normed,),
        made=(whole,),
        reads=(wide, root),
        saves=(wide, root),
        gradients=(*over_rows, Gradient(back, wide), Gradient(back_row, root, late=bool(over_rows))),
    )
    to_weight: tuple[Gradient | Temporary, ...] = (of_parameter(weight, width, given.stream_item, late=True),)
    summed = weight
    if given.stream_item < FP32:  # summed in fp32, then cast
        summed = f"{weight}.fp32"
        to_weight = (Temporary(Amount(TEMPORARIES, width, FP32), name=summed, until=weight, late=True), *to_weight)
    scale = Kernel(
        outs=(scaled,),
        made=(whole if narrow else Amount(part.label, part.shape, FP32),),
        reads=(normed,),
        holds=(wide,) if narrow else (wide, root),
        saves=(normed,),
        gradients=(Temporary(passing, until=summed), Gradient(back, normed), *to_weight),
    )
    found = [*before, pow_, mean_, rsqrt, normalize, scale]
    if narrow:
        narrowed = cast(part.label, part.shape, out, Value(scaled, FP32), read.item)
        found.append(replace(narrowed, holds=(root, read.name)))
    return found
