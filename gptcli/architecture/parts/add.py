"""The sum of two tensors; on the residual stream, the lecture's shortcut connection."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.books import Conditions, Kernel, Value
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct


class Add(Part, frozen=True, kw_only=True):
    """``x + y``; what has no batch dimension is added to every text."""

    kind: ClassVar[str] = "add"
    family: ClassVar[Family] = "add"
    sentence: ClassVar[str] = (
        "Adds two tensors number by number. A shortcut carries its input past what was computed, so that a block only "
        "has to learn what to change."
    )

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return " + ".join(self.reads)

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        calls = Calls(self.label, out, reads, given)
        calls.plus("", *reads)
        return calls.done()
