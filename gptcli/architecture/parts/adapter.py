"""Where a low-rank adapter (LoRA, Hu et al. 2021) meets the layer that it adapts."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.books import PASSED_BACK, Amount, Conditions, Gradient, Kernel, Value
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct


class AdapterSum(Part, frozen=True, kw_only=True):
    """``base + adapter * factor``: Hu et al. 2021, equation 3, with alpha / r for the factor."""

    kind: ClassVar[str] = "adapter_sum"
    family: ClassVar[Family] = "add"
    sentence: ClassVar[str] = "Adds what a small trained adapter gives, scaled, to what a frozen layer gives."

    factor: float

    def formula(self) -> str:  # noqa: D102  # as in the base class
        base, adapter = self.reads
        return f"{base} + {adapter} * {self.factor:.6g}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        base, adapter = (read.name for read in reads)
        scaled, back = f"{out}.scaled", Gradient(Amount(PASSED_BACK, self.shape, given.item), adapter)
        value = Amount(self.label, self.shape, given.item)
        return [
            Kernel(outs=(scaled,), made=(value,), reads=(adapter,), gradients=(back,)),
            Kernel(outs=(out,), made=(value,), reads=(base, scaled)),
        ]
