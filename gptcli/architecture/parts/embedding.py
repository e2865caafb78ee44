"""Rows of a table, looked up by index: tokens and learned positions."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.axes import Dim, Shape
from gptcli.architecture.books import INDEX, Amount, Conditions, Kernel, Value, of_parameter
from gptcli.architecture.parts.part import GPT2_DEVIATION, Draw, Family, Part
from gptcli.architecture.products import MatrixProduct

POSITIONS = "positions"  # what the network counts itself; token ids are given


class Embedding(Part, frozen=True, kw_only=True):
    """``weight[index]``."""

    kind: ClassVar[str] = "embedding"
    family: ClassVar[Family] = "embedding"
    sentence: ClassVar[str] = "Looks up one row of a table for every token, or for every position."

    rows: Dim
    width: Dim
    offset: int = 0  # rows before that of index 0

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        return {"weight": (self.rows, self.width)}

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:  # noqa: D102
        return (Draw("weight", "normal", 1.0 if scheme == "torch" else GPT2_DEVIATION),)

    def formula(self) -> str:  # noqa: D102
        return f"weight[{self.reads[0]}{f' + {self.offset}' if self.offset else ''}]"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        table = of_parameter(f"{out}.weight", (self.rows, self.width), given.stream_item)
        value = Amount(self.label, self.shape, given.stream_item)
        (index,) = (read.name for read in reads)
        if index != POSITIONS:
            return [Kernel(outs=(out,), made=(value,), gradients=(table,))]
        found = []
        if self.offset:
            place = f"{out}.place"
            moved = (Amount("Positions", reads[0].shape, INDEX),)
            found.append(Kernel(outs=(place,), made=moved, reads=(index,), differentiable=False))
            index = place
        held = (reads[0].name,)
        looked_up = Kernel(outs=(out,), made=(value,), reads=(index,), holds=held, saves=(index,), gradients=(table,))
        return [*found, looked_up]
