"""Activations beside GELU: functions of one number."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from gptcli.architecture.axes import ONE, Shape
from gptcli.architecture.books import Conditions, Kernel, NotInBooksError, Value
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.part import Draw, Family, Part
from gptcli.architecture.products import MatrixProduct


def smooth(calls: Calls, step: str, x: Value) -> Value:
    """SiLU or a GELU: one call, whose backward needs what it read."""
    return calls.mapped(step, x, saves="input")


def relu(calls: Calls, step: str, x: Value) -> Value:
    """``max(x, 0)``: its backward needs the result."""
    return calls.mapped(step, x, saves="result")


def relu2(calls: Calls, step: str, x: Value) -> Value:
    """``max(x, 0) ** 2``."""
    return calls.mapped(step, relu(calls, f"{step}:positive", x), saves="input", passing=2)


def quick_gelu(calls: Calls, step: str, x: Value) -> Value:
    """``x * sigmoid(1.702 x)``."""
    steep = calls.scaled(f"{step}:steep", x)
    made = calls.times(step, x, calls.mapped(f"{step}:gate", steep, saves="result"))
    calls.hold(steep)
    return made


# By the names that configs have for them; xIELU has weights.
BY_NAME: dict[str, Callable[[Calls, str, Value], Value]] = {
    "gelu_tanh": smooth,
    "gelu": smooth,
    "silu": smooth,
    "relu": relu,
    "relu2": relu2,
    "quick_gelu": quick_gelu,
}

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
        smooth(calls, "", reads[0])
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
        relu(calls, "", reads[0])
        return calls.done()


class SquaredRelu(Part, frozen=True, kw_only=True):
    """``max(x, 0) ** 2`` (So et al. 2021)."""

    kind: ClassVar[str] = "relu2"
    family: ClassVar[Family] = "activation"
    called: ClassVar[str] = "squared ReLU"
    sentence: ClassVar[str] = "Squares positive numbers and makes negative ones zero."

    def composite(self, device: str) -> bool:  # noqa: D102  # as in the base class
        return True

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return "max(x, 0)**2"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        calls = Calls(self.label, out, reads, given)
        relu2(calls, "", reads[0])
        return calls.done()


class QuickGelu(Part, frozen=True, kw_only=True):
    """``x * sigmoid(1.702 * x)`` (Hendrycks and Gimpel 2016, section 2)."""

    kind: ClassVar[str] = "quick_gelu"
    family: ClassVar[Family] = "activation"
    called: ClassVar[str] = "quick GELU"
    sentence: ClassVar[str] = "Passes large numbers and brings small and negative ones smoothly towards zero."

    def composite(self, device: str) -> bool:  # noqa: D102  # as in the base class
        return True

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return "x * sigmoid(1.702 * x)"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        calls = Calls(self.label, out, reads, given)
        quick_gelu(calls, "", reads[0])
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

    def composite(self, device: str) -> bool:  # noqa: D102  # as in the base class
        return True

    def formula(self) -> str:  # noqa: D102
        return "a_p * x**2 + x / 2 where x > 0, else a_n * (exp(min(x, -1e-6)) - 1 - x) + x / 2"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        raise NotInBooksError(self.kind, "learned numbers")
