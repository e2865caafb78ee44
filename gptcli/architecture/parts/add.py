"""The sum of two tensors; on the residual stream, the lecture's shortcut connection."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.books import PASSED_BACK, Amount, Conditions, Gradient, Kernel, Value
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
        value = Amount(self.label, self.shape, given.stream_item)
        gradients = []
        for read in reads:
            broadcast = len(read.shape) < len(self.shape)  # so its gradient is a sum over what it was added to
            if broadcast or read.item != given.stream_item:
                gradients.append(Gradient(Amount(PASSED_BACK, read.shape, read.item), read.name, late=True))
        names = tuple(read.name for read in reads)
        return [Kernel(outs=(out,), made=(value,), reads=names, gradients=tuple(gradients))]
