"""Small steps with a number or between two tensors: products, scales, caps, cuts."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace

from gptcli.architecture.axes import ONE
from gptcli.architecture.books import FP32, Conditions, Kernel, Value
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct


class Multiply(Part, frozen=True, kw_only=True):
    """``x * y``: the gate of a gated feed forward (Shazeer 2020)."""

    kind: ClassVar[str] = "multiply"
    family: ClassVar[Family] = "activation"
    sentence: ClassVar[str] = "Multiplies two tensors number by number: one decides how much of the other passes."

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return " * ".join(self.reads)

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        x, y = reads
        calls = Calls(self.label, out, reads, given)
        calls.times("", x, y)
        return calls.done()


class Scale(Part, frozen=True, kw_only=True):
    """``x * factor``."""

    kind: ClassVar[str] = "scale"
    family: ClassVar[Family] = "add"
    sentence: ClassVar[str] = "Multiplies every number with the same number."

    factor: float

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return f"x * {self.factor:.6g}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        calls = Calls(self.label, out, reads, given)
        calls.scaled("", reads[0])
        return calls.done()


class Softcap(Part, frozen=True, kw_only=True):
    """``cap * tanh(x / cap)`` (Gemma Team 2024, section 2)."""

    kind: ClassVar[str] = "softcap"
    family: ClassVar[Family] = "activation"
    sentence: ClassVar[str] = "Bends large numbers so that none goes past the cap."

    cap: float

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return f"{self.cap:g} * tanh(x / {self.cap:g})"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        calls = Calls(self.label, out, reads, given)
        bent = calls.mapped("bent", calls.scaled("parted", reads[0]), saves="result")
        calls.scaled("", bent)
        return calls.done()


class Clamp(Part, frozen=True, kw_only=True):
    """Cuts every number at plus and minus a limit."""

    kind: ClassVar[str] = "clamp"
    family: ClassVar[Family] = "activation"
    sentence: ClassVar[str] = "Cuts every number at plus and minus the limit."

    limit: float

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return f"min(max(x, -{self.limit:g}), {self.limit:g})"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        calls = Calls(self.label, out, reads, given)
        calls.cut("", reads[0])
        return calls.done()


class Sigmoid(Part, frozen=True, kw_only=True):
    """``1 / (1 + exp(-x))``."""

    kind: ClassVar[str] = "sigmoid"
    family: ClassVar[Family] = "activation"
    sentence: ClassVar[str] = "Brings every number between 0 and 1."

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return "1 / (1 + exp(-x))"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        calls = Calls(self.label, out, reads, given)
        calls.mapped("", reads[0], saves="result")
        return calls.done()


class Temperature(Part, frozen=True, kw_only=True):
    """Scales a query by its position: ``x * (1 + scale * log(1 + floor((p + 1) / floor)))`` (Llama 4).

    Attributes:
        floor: tokens within which nothing is scaled.
        scale: how much the logarithm counts.
    """

    kind: ClassVar[str] = "temperature"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = "Makes queries of late tokens larger, so that attention stays sharp in long texts."

    floor: float
    scale: float

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return f"x * (1 + {self.scale:g} * log(1 + floor((position + 1) / {self.floor:g})))"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        x, positions = reads
        calls = Calls(self.label, out, reads, given)
        value, spans = positions, positions
        for step in ("wide", "next", "parted", "spans", "logarithms", "weighted", "scale"):
            value = calls.constant(step, positions.shape, FP32, (value, spans))
            spans = value if step == "spans" else spans
        scale = value
        if x.item != FP32:
            scale = calls.constant("rounded", positions.shape, x.item, (scale,))
        calls.times("", x, replace(scale, shape=(*positions.shape, ONE)))
        return calls.done(spans, value)
