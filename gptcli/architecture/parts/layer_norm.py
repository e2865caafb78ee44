"""Layer norm (Ba et al. 2016)."""

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
    Value,
    of_parameter,
)
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.norm_scale import NormScale, scale_formula, scale_weights
from gptcli.architecture.parts.part import Draw, Family, Part, identity_draws
from gptcli.architecture.products import MatrixProduct


class LayerNorm(Part, frozen=True, kw_only=True):
    """Zero mean and unit variance over the last dimension, then scale and shift."""

    kind: ClassVar[str] = "layer_norm"
    family: ClassVar[Family] = "norm"
    called: ClassVar[str] = "layer norm"
    sentence: ClassVar[str] = (
        "Brings each token's vector to mean 0 and deviation 1, then scales and shifts it by learned numbers."
    )

    features: Dim
    eps: float
    bias: bool = True
    scale: NormScale = "weight"
    heads: Dim | None = None  # of weights of its own for each

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        own = scale_weights(self.scale, self.features, self.heads)
        return own | {"bias": (self.features,)} if self.bias else own

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:  # noqa: D102
        return identity_draws(self, around_one=self.scale == "one_plus_weight")

    def formula(self) -> str:  # noqa: D102
        shift = " + bias" if self.bias else ""
        return f"(x - mean(x)) / sqrt(var(x) + {self.eps:g}){scale_formula(self.scale)}{shift}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (read,) = reads
        calls = Calls(self.label, out, reads, given)
        scale = None
        if self.scale == "one_plus_weight":
            scale = calls.plus_one("scale", calls.parameter("weight", (self.features,)))
        if scale is not None and read.item < scale.item and not given.autocast:
            return self._widened(calls, read, scale, given)
        # Autocast widens the input on CUDA alone. The CPU keeps mean and deviation in the dtype of the weights.
        widest = max(given.stream_item, read.item)
        on_cpu = given.device == "cpu"
        item = read.item if on_cpu else widest
        own_item = widest if self.heads is None else read.item  # weights of each head are not the call's
        statistic = Amount("Layer norm statistics", read.shape[:-1], own_item if on_cpu else FP32)
        own = {} if self.heads is not None else self.weights()
        gradients = (
            Gradient(Amount(PASSED_BACK, read.shape, read.item), read.name),
            *(of_parameter(calls.name(name), shape, given.stream_item) for name, shape in own.items()),
        )
        value = Value(calls.name("" if self.heads is None else "normed"), item, read.shape)
        saves = (read.name, *([scale.name] if scale is not None else []))
        calls.call(value, (read,), saves=saves, gradients=gradients, extra=(statistic, statistic))
        if self.heads is not None:
            weight = calls.parameter("weight", (self.heads, ONE, self.features))
            scaled = calls.times("scaled" if self.bias else "", value, weight)
            if self.bias:
                calls.plus("", scaled, calls.parameter("bias", (self.features,)))
        return calls.done(*([scale] if scale is not None else []))

    def _widened(self, calls: Calls, read: Value, scale: Value, given: Conditions) -> list[Kernel]:
        """List what the leaf does in 16 bits with 1 + a weight, which is fp32: it norms in fp32."""
        bias = [calls.widened("bias:wide", calls.parameter("bias", (self.features,)))] if self.bias else []
        wide = calls.mapped("wide", read, item=FP32)
        statistic = Amount("Layer norm statistics", read.shape[:-1], FP32)
        reads = [wide, scale, *bias]
        gradients = [Gradient(Amount(PASSED_BACK, each.shape, FP32), each.name) for each in reads]
        value = Value(calls.name("normed"), FP32, read.shape)
        normed = calls.call(
            value, reads, saves=tuple(read.name for read in reads), gradients=gradients, extra=(statistic, statistic)
        )
        calls.mapped("", normed, item=read.item)
        calls.hold(*bias)
        return calls.done(scale)
