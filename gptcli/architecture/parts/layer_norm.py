"""Layer norm (Ba et al. 2016)."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.axes import Dim, Shape
from gptcli.architecture.books import FP32, PASSED_BACK, Amount, Conditions, Gradient, Kernel, Value, of_parameter
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
        value = Amount(self.label, self.shape, given.stream_item)
        # The CPU keeps mean and deviation in the dtype of its input.
        item = given.stream_item if given.device == "cpu" else FP32
        statistic = Amount("Layer norm statistics", self.shape[:-1], item)
        gradients = (
            Gradient(Amount(PASSED_BACK, self.shape, read.item), read.name),
            *(of_parameter(f"{out}.{name}", shape, given.stream_item) for name, shape in self.weights().items()),
        )
        made = (value, statistic, statistic)
        return [Kernel(outs=(out,), made=made, reads=(read.name,), saves=(read.name,), gradients=gradients)]
