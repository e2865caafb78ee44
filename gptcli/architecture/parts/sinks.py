"""A softmax in which a learned number of each head takes part (attention sinks, as in gpt-oss)."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace

from gptcli.architecture.axes import ONE, H, Shape
from gptcli.architecture.books import Conditions, Kernel, Value
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.part import GPT2_DEVIATION, Draw, Family, Part
from gptcli.architecture.products import MatrixProduct


class SinkSoftmax(Part, frozen=True, kw_only=True):
    """``softmax([x, sink])`` without the sink's share: the shares of a row add up to less than 1."""

    kind: ClassVar[str] = "sink_softmax"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = (
        "Turns each row of scores into shares; a learned number of the head takes a share too, which goes nowhere."
    )

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        return {"sinks": (H,)}

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:  # noqa: D102
        return (Draw("sinks", "normal", GPT2_DEVIATION),)

    def formula(self) -> str:  # noqa: D102
        return "exp(x) / (sum(exp(x)) + exp(sink)), over the keys"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (scores,) = reads
        calls = Calls(self.label, out, reads, given)
        one = (*scores.shape[:-1], ONE)
        sink = calls.parameter("sinks", (H,))
        wide = (*scores.shape[:-1], scores.shape[-1] + ONE)
        joined = calls.joined_with("joined", scores, replace(sink, shape=one), (H,), wide)
        shares = calls.mapped("shares", joined, saves="result", lies=False)
        calls.sliced("", shares, scores.shape)
        return calls.done()
