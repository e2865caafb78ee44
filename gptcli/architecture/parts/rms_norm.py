"""RMSNorm (Zhang and Sennrich 2019)."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.axes import ONE, Dim, Shape
from gptcli.architecture.books import (
    FP32,
    PASSED_BACK,
    Amount,
    Conditions,
    Gradient,
    Kernel,
    NotInBooksError,
    Value,
    of_parameter,
)
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.norm_scale import NormScale, scale_formula, scale_value, scale_weights
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
        calls = Calls(self.label, out, reads, given)
        if self.composite(given.device):
            return _composite(self, calls, read)
        return _fused(self, calls, read, given)


def _fused(part: RMSNorm, calls: Calls, read: Value, given: Conditions) -> list[Kernel]:
    """CUDA's ``_fused_rms_norm``: it keeps its input and one fp32 statistic a token."""
    if part.scale == "one_plus_weight" or part.heads is not None:
        raise NotInBooksError(part.kind, "weights of another kind on CUDA")
    value = Value(calls.name(""), read.item, read.shape)
    statistic = Amount(_STATISTICS, read.shape[:-1], FP32)
    own = [of_parameter(calls.name(name), shape, given.stream_item) for name, shape in part.weights().items()]
    gradients = (Gradient(Amount(PASSED_BACK, read.shape, read.item), read.name), *own)
    calls.call(value, (read,), saves=(read.name,), gradients=gradients, extra=(statistic,))
    return calls.done()


def _composite(part: RMSNorm, calls: Calls, read: Value) -> list[Kernel]:
    """List the calls of ``rms_norm_composite`` in torch's ``aten/src/ATen/native/layer_norm.cpp``, all in fp32.

    ::

        wide = x.to(float32)
        root = rsqrt(pow(wide, 2).mean(-1, keepdim=True).add_(eps))
        return wide.mul(root).mul(weight).contiguous().type_as(x)

    The backward of each call is its formula in torch's ``tools/autograd/derivatives.yaml``; the engine then sums what
    ``mul`` passes back over the dimensions in which it broadcast.
    """
    narrow = read.item < FP32
    if narrow and part.heads is not None:
        raise NotInBooksError(part.kind, "weights of each head in 16 bits")
    scale = scale_value(part.scale, calls, part.weights())
    widened = narrow and scale is not None and scale.item == FP32  # by the leaf, which narrows the result
    wide = calls.mapped("wide", read, item=FP32, label=_STEPS) if narrow else read
    root = _root(calls, wide)
    last = "scaled"
    normed = calls.times("normed" if scale is not None else last, wide, root, _STEPS if scale is not None else "")
    calls.hold(wide, root)
    if scale is not None:
        scaled = calls.times(last, normed, scale, _STEPS if narrow else "")
        held = (narrow and not widened) or part.heads is not None
        calls.hold(wide, *(() if held else (root,)))
    else:
        scaled = normed
    if widened:
        calls.mapped("", calls.laid_out("laid", scaled), item=read.item)
        return calls.done(*([scale] if scale is not None else []))
    if narrow:  # laid out in fp32, then narrowed
        laid = calls.laid_out("laid", scaled, _STEPS)
        calls.hold(wide)
        calls.mapped("", laid, item=read.item)
        calls.hold(root)
    else:
        calls.laid_out("", scaled)
    return calls.done(*([scale] if scale is not None else []))


def _root(calls: Calls, wide: Value) -> Value:
    """``rsqrt(pow(wide, 2).mean(-1, keepdim=True).add_(eps))``."""
    rows = (*wide.shape[:-1], ONE)
    squares = calls.mapped("squares", wide, saves="input", passing=2, label=_STEPS)  # grad * (2 * wide.pow(1))
    back = Gradient(Amount(PASSED_BACK, wide.shape, FP32), squares.name)
    mean = Value(calls.name("mean"), FP32, rows, None, wide.grad)
    calls.call(mean, (squares,), gradients=(back,), label=_STATISTICS)  # grad.expand(...) / C
    root = calls.mapped("root", mean, saves="result", passing=2, label=_STATISTICS)  # -0.5 * grad * root.pow(3)
    calls.hold(squares)
    return root
