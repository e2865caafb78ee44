"""Dropout: random zeros while training (Srivastava et al. 2014)."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace

from gptcli.architecture.axes import Shape
from gptcli.architecture.books import BOOL, PASSED_BACK, Amount, Conditions, Gradient, Kernel, Value
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct


class Dropout(Part, frozen=True, kw_only=True):
    """Zeroes each element with probability ``rate`` while training, and scales the rest by 1 / (1 - rate)."""

    kind: ClassVar[str] = "dropout"
    family: ClassVar[Family] = "dropout"
    sentence: ClassVar[str] = (
        "Zeroes a random share of the numbers in training, so that the network relies on no single one; else changes "
        "nothing."
    )

    rate: float

    @property
    def random(self) -> bool:  # noqa: D102  # as in the base class
        return self.rate > 0

    def formula(self) -> str:  # noqa: D102
        return f"x; in training dropout(x, {self.rate:g})"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (read,) = reads
        call = dropped(self.shape, self.rate, out, read.name, read.item, given)
        return [replace(call, value=replace(read, name=out))]


def dropped(shape: Shape, rate: float, out: str, read: str, item: int, given: Conditions) -> Kernel:
    """Return the call of ``F.dropout`` on a value; where it drops nothing it gives the value itself."""
    if not given.training or rate == 0:
        return Kernel(outs=(out,), reads=(read,), view_of=read)
    # The CPU multiplies by a mask in the dtype of its input, CUDA's kernel keeps a byte an element.
    mask = Amount("Dropout masks", shape, item if given.device == "cpu" else BOOL)
    value = Amount("Dropout", shape, item)
    back = Gradient(Amount(PASSED_BACK, shape, item), read)
    return Kernel(outs=(out,), made=(value, mask), reads=(read,), gradients=(back,))
