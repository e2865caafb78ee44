"""Activations beside GELU: functions of one number."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.axes import ONE, Shape
from gptcli.architecture.books import Conditions, Kernel, Value
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.part import Draw, Family, Part
from gptcli.architecture.products import MatrixProduct

XIELU_BETA = 0.5  # what x is multiplied with; Huang and Schlag 2024, section 4
XIELU_EPS = -1e-6  # what is exponentiated is at most this


class Silu(Part, frozen=True, kw_only=True):
    """``x * sigmoid(x)`` (Hendrycks and Gimpel 2016; Ramachandran et al. 2017, as Swish)."""

    kind: ClassVar[str] = "silu"
    family: ClassVar[Family] = "activation"
    called: ClassVar[str] = "SiLU"
    sentence: ClassVar[str] = "Passes large numbers and brings small and negative ones smoothly towards zero."

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return "x * sigmoid(x)"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        calls = Calls(self.label, out, reads, given)
        calls.mapped("", reads[0], saves="input")
        return calls.done()


class Relu(Part, frozen=True, kw_only=True):
    """``max(x, 0)``."""

    kind: ClassVar[str] = "relu"
    family: ClassVar[Family] = "activation"
    called: ClassVar[str] = "ReLU"
    sentence: ClassVar[str] = "Passes positive numbers and makes negative ones zero."

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return "max(x, 0)"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        calls = Calls(self.label, out, reads, given)
        calls.mapped("", reads[0], saves="result")
        return calls.done()


class SquaredRelu(Part, frozen=True, kw_only=True):
    """``max(x, 0) ** 2`` (So et al. 2021)."""

    kind: ClassVar[str] = "relu2"
    family: ClassVar[Family] = "activation"
    called: ClassVar[str] = "squared ReLU"
    sentence: ClassVar[str] = "Squares positive numbers and makes negative ones zero."

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return "max(x, 0)**2"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        calls = Calls(self.label, out, reads, given)
        positive = calls.mapped("positive", reads[0], saves="result")
        calls.mapped("", positive, saves="input", passing=2)
        return calls.done()


class QuickGelu(Part, frozen=True, kw_only=True):
    """``x * sigmoid(1.702 * x)`` (Hendrycks and Gimpel 2016, section 2)."""

    kind: ClassVar[str] = "quick_gelu"
    family: ClassVar[Family] = "activation"
    called: ClassVar[str] = "quick GELU"
    sentence: ClassVar[str] = "Passes large numbers and brings small and negative ones smoothly towards zero."

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return "x * sigmoid(1.702 * x)"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (x,) = reads
        calls = Calls(self.label, out, reads, given)
        gate = calls.mapped("gate", calls.scaled("steep", x), saves="result")
        calls.times("", x, gate)
        return calls.done()


class Xielu(Part, frozen=True, kw_only=True):
    """xIELU (Huang and Schlag 2024): the integral of an exponential linear unit, with two learned numbers."""

    kind: ClassVar[str] = "xielu"
    family: ClassVar[Family] = "activation"
    called: ClassVar[str] = "xIELU"
    sentence: ClassVar[str] = "Squares positive numbers, bends negative ones; two learned numbers say how much."

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        return {"alpha_p": (ONE,), "alpha_n": (ONE,)}

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:  # noqa: D102
        return (Draw("alpha_p", "constant", 0.5413248538970947), Draw("alpha_n", "constant", -1.0501786470413208))

    def formula(self) -> str:  # noqa: D102
        return "a_p * x**2 + x / 2 where x > 0, else a_n * (exp(min(x, -1e-6)) - 1 - x) + x / 2"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()
