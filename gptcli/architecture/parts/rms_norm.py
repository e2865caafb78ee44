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
from gptcli.architecture.parts.norm_scale import NormScale, scale_formula, scale_weights
from gptcli.architecture.parts.part import Draw, Family, Part, identity_draws
from gptcli.architecture.products import MatrixProduct

_STEPS = "RMSNorm steps"
_STATISTICS = "RMSNorm statistics"


class RMSNorm(Part, frozen=True, kw_only=True):
    """Divides by the root of the mean square over the last dimension, then scales."""

    kind: ClassVar[str] = "rms_norm"
    family: ClassVar[Family] = "norm"
    called: ClassVar[str] = "RMSNorm"
    sentence: ClassVar[str] = "Brings each token's vector to mean square 1, then scales it by learned numbers."

    features: Dim
    eps: float
    scale: NormScale = "weight"
    heads: Dim | None = None  # of weights of its own for each

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        return scale_weights(self.scale, self.features, self.heads)

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:  # noqa: D102
        return identity_draws(self, around_one=self.scale == "one_plus_weight")

    def formula(self) -> str:  # noqa: D102
        return f"x / sqrt(mean(x**2) + {self.eps:g}){scale_formula(self.scale)}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def composite(self, device: str) -> bool:  # noqa: D102
        return device == "cpu"

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (read,) = reads
        return (_composite if self.composite(given.device) else _fused)(self, out, read, given)


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
    names = ("wide", "squares", "mean", "root", "normed", "scaled")
    wide, squares, mean, root, normed, scaled = (f"{out}.{name}" for name in names)
    narrow = read.item < FP32
    if not narrow:
        wide, scaled = read.name, out
    found = [cast(_STEPS, part.shape, wide, read, FP32)] if narrow else []
    found += [*_root(part, wide, squares, mean, root), _normalized(part, wide, root, normed, given)]
    label = _STEPS if narrow else part.label
    held = (wide,) if narrow else (wide, root)
    found.append(_scaled(part, Amount(label, part.shape, FP32), normed, scaled, f"{out}.weight", held, given))
    if narrow:
        back = cast(part.label, part.shape, out, Value(scaled, FP32), read.item)
        found.append(replace(back, holds=(root, read.name)))
    return found


def _root(part: RMSNorm, wide: str, squares: str, mean: str, root: str) -> list[Kernel]:
    """``rsqrt(pow(wide, 2).mean(-1, keepdim=True).add_(eps))``."""
    rows = (*part.shape[:-1], ONE)
    whole, row = Amount(_STEPS, part.shape, FP32), Amount(_STATISTICS, rows, FP32)
    back, back_row = Amount(PASSED_BACK, part.shape, FP32), Amount(PASSED_BACK, rows, FP32)
    passing, passing_row = Temporary(Amount(TEMPORARIES, part.shape, FP32)), Temporary(Amount(TEMPORARIES, rows, FP32))
    return [
        Kernel(
            outs=(squares,),
            made=(whole,),
            reads=(wide,),
            saves=(wide,),
            gradients=(passing, passing, Gradient(back, wide)),  # grad * (2 * wide.pow(1))
        ),
        Kernel(
            outs=(mean,),
            made=(row,),
            reads=(squares,),
            gradients=(Gradient(back, squares),),  # grad.expand(...) / C
        ),
        Kernel(
            outs=(root,),
            made=(row,),
            reads=(mean,),
            holds=(squares,),
            saves=(root,),
            gradients=(passing_row, passing_row, Gradient(back_row, mean)),  # -0.5 * grad * root.pow(3)
        ),
    ]


def _normalized(part: RMSNorm, wide: str, root: str, normed: str, given: Conditions) -> Kernel:
    """``wide.mul(root)``; the root's gradient is a sum over each row."""
    rows = (*part.shape[:-1], ONE)
    summed = elements((part.features,), given.sizes) > 1  # one number is no sum
    passing = (Temporary(Amount(TEMPORARIES, part.shape, FP32), until=root),) if summed else ()
    return Kernel(
        outs=(normed,),
        made=(Amount(_STEPS, part.shape, FP32),),
        reads=(wide, root),
        saves=(wide, root),
        gradients=(
            *passing,
            Gradient(Amount(PASSED_BACK, part.shape, FP32), wide),
            Gradient(Amount(PASSED_BACK, rows, FP32), root, late=summed),
        ),
    )


def _scaled(
    part: RMSNorm, value: Amount, normed: str, scaled: str, weight: str, held: tuple[str, ...], given: Conditions
) -> Kernel:
    """``normed.mul(weight)``; the weight's gradient is a sum over all tokens, made in fp32 and then cast."""
    width = (part.features,)
    to_weight: tuple[Gradient | Temporary, ...] = (of_parameter(weight, width, given.stream_item, late=True),)
    summed = weight
    if given.stream_item < FP32:
        summed = f"{weight}.fp32"
        to_weight = (Temporary(Amount(TEMPORARIES, width, FP32), name=summed, until=weight, late=True), *to_weight)
    return Kernel(
        outs=(scaled,),
        made=(value,),
        reads=(normed,),
        holds=held,
        saves=(normed,),
        saved_for=((normed, weight),),
        gradients=(
            Temporary(Amount(TEMPORARIES, part.shape, FP32), until=summed),
            Gradient(Amount(PASSED_BACK, part.shape, FP32), normed),
            *to_weight,
        ),
    )
