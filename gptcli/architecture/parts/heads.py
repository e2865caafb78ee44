"""From a projection to heads, and pieces of the last dimension: views that compute nothing."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import ClassVar

from gptcli.architecture.axes import Dim
from gptcli.architecture.books import Conditions, Kernel, Value
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct


class Piece(Part, frozen=True, kw_only=True):
    """Some of the numbers of each token: ``x[..., start : start + width]``."""

    kind: ClassVar[str] = "piece"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = "Takes some of each token's numbers; nothing is computed."

    start: Dim
    width: Dim

    def formula(self) -> str:  # noqa: D102  # as in the base class
        first = str(self.start) or "0"
        return f"x[..., {first} : {first} + {self.width}]" if self.start.terms else f"x[..., : {self.width}]"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (x,) = reads
        calls = Calls(self.label, out, reads, given)
        calls.sliced("", x, (*x.shape[:-1], self.width))
        return calls.done()


class Heads(Part, frozen=True, kw_only=True):
    """Some of the numbers of each token, seen as heads: (B, T, ...) -> (B, amount, T, width).

    Attributes:
        start: the first number.
        amount: how many heads.
        width: of a head.
    """

    kind: ClassVar[str] = "heads"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = (
        "Cuts some of each token's numbers into pieces, one for each head. Nothing is computed; the numbers are only "
        "read in another order."
    )

    start: Dim
    amount: Dim
    width: Dim

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return f"{self.amount} heads of {self.width} numbers"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (x,) = reads
        calls = Calls(self.label, out, reads, given)
        batch, tokens, _ = x.shape
        some = calls.sliced("some", x, (batch, tokens, self.amount * self.width))
        parted = calls.reshaped("parted", some, (batch, tokens, self.amount, self.width))
        calls.permuted("", parted, (0, 2, 1, 3))
        return calls.done()


class Joined(Part, frozen=True, kw_only=True):
    """Two pieces of every head side by side; what has one head for all is given to each."""

    kind: ClassVar[str] = "joined"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = "Lays two pieces of every head side by side; a piece that all heads share goes to each."

    widths: tuple[Dim, ...]

    @property
    def width(self) -> Dim:
        """All pieces together."""
        return reduce(add, self.widths)

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return f"[{', '.join(self.reads)}]"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        x, y = reads
        calls = Calls(self.label, out, reads, given)
        spread = calls.expanded("spread", y, (*x.shape[:-1], y.shape[-1]))
        calls.joined("", (x, spread), (*x.shape[:-1], self.width))
        return calls.done()
