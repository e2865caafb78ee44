"""GELU, the activation between the two layers of the feed forward (Hendrycks and Gimpel 2016)."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.books import Conditions, Kernel, Value
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct


class Gelu(Part, frozen=True, kw_only=True):
    """GELU, exact or in its tanh form (Hendrycks and Gimpel 2016, section 2)."""

    kind: ClassVar[str] = "gelu"
    family: ClassVar[Family] = "activation"
    called: ClassVar[str] = "GELU"
    sentence: ClassVar[str] = "Passes large numbers and brings small and negative ones smoothly towards zero."

    exact: bool = False

    def formula(self) -> str:  # noqa: D102  # as in the base class
        if self.exact:
            return "x / 2 * (1 + erf(x / sqrt(2)))"
        return "x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        calls = Calls(self.label, out, reads, given)
        calls.mapped("", reads[0], saves="input")
        return calls.done()
