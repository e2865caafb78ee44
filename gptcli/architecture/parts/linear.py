"""A linear layer: one matrix product, and a bias."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import ClassVar

from gptcli.architecture.axes import C, Dim, Shape, elements, number
from gptcli.architecture.books import (
    FP32,
    HALF_INPUTS,
    PASSED_BACK,
    WIDENED_ROWS,
    Amount,
    Conditions,
    Gradient,
    Kernel,
    Value,
    cast,
    cast_weight,
    half,
    of_weight,
)
from gptcli.architecture.parts.part import GPT2_DEVIATION, Draw, Family, Part
from gptcli.architecture.products import MatrixProduct
from gptcli.architecture.roles import HEAD, TO_RESIDUAL


class Linear(Part, frozen=True, kw_only=True):
    """``x @ weight.T + bias``.

    Attributes:
        outputs: the widths of the projections that are stacked in the rows of the weight: one, or those of query, key
            and value.
        of_kept: whether it reads what a KV cache keeps, so that it runs for all tokens that are kept.
    """

    kind: ClassVar[str] = "linear"
    family: ClassVar[Family] = "linear"
    sentence: ClassVar[str] = (
        "A matrix product: each output number is a weighted sum of all input numbers of one token."
    )

    inputs: Dim
    outputs: tuple[Dim, ...]
    bias: bool = True
    of_kept: bool = False

    @property
    def width(self) -> Dim:
        """All outputs together."""
        return reduce(add, self.outputs)

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        own: dict[str, Shape] = {"weight": (self.width, self.inputs)}
        return own | {"bias": (self.width,)} if self.bias else own

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:  # noqa: D102
        if scheme != "torch":
            deviation = residual_deviation if self.role == TO_RESIDUAL else GPT2_DEVIATION
            return (Draw("weight", "normal", deviation), *([Draw("bias", "zeros")] if self.bias else []))
        found: list[Draw] = []
        start = number(0)
        for outputs in self.outputs:  # each as a torch.nn.Linear of its own: its weight, then its bias
            rows = (start, start + outputs)
            found.append(Draw("weight", "kaiming_uniform", rows=rows))
            if self.bias:
                found.append(Draw("bias", "uniform", self.inputs, rows))
            start = rows[1]
        return tuple(found)

    def formula(self) -> str:  # noqa: D102
        return f"x @ {self.tied_to or 'weight'}.T{' + bias' if self.bias else ''}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return (MatrixProduct("keys" if self.of_kept else "tokens", (self.inputs, self.width)),)

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (read,) = reads
        label = "Logits" if self.role == HEAD else self.label
        shape = (*read.shape[:-1], self.width)
        value = Amount(label, shape, given.item)
        weight, bias = f"{out}.weight", f"{out}.bias"
        casts: list[Kernel] = []
        if given.autocast:
            casts += [
                cast_weight(f"{out}.{name}", shape, given, cached=True)
                for name, shape in reversed(self.weights().items())
            ]
        source, taken = read.name, (*read.shape[:-1], self.inputs)
        if read.item != given.item:
            source = f"{out}.input"
            casts.append(cast(HALF_INPUTS, taken, source, read, given.item))
        to_input = Gradient(Amount(PASSED_BACK, taken, given.item), source, viewed=True)
        to_weight = of_weight(weight, (self.width, self.inputs), given, viewed=True)
        to_bias = of_weight(bias, (self.width,), given, late=True)
        product = Kernel(
            outs=(out,),
            made=(value, *self._widened(taken, given)),
            reads=(source, *(each.outs[0] for each in casts if each.cached)),
            holds=(read.name,),
            saves=(source, *([half(weight)] if given.autocast else [])),
            saved_for=((source, to_weight.of), (half(weight), source)),
            gradients=(to_input, to_weight, to_bias) if self.bias else (to_weight, to_input),
            value=Value(out, given.item, shape),
        )
        return [*casts, product]

    def _widened(self, taken: Shape, given: Conditions) -> tuple[Amount, ...]:
        """Return what a product in fp32 needs besides its 16-bit result: rows, C rows of the matrix, their result."""
        if not given.widens or elements(taken[:-1], given.sizes) < WIDENED_ROWS:
            return ()
        shapes = (taken, (C, self.inputs), (*taken[:-1], C))
        return tuple(Amount("Widened for the product", shape, FP32) for shape in shapes)
