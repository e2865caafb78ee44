"""A softmax in which a learned number of each head takes part (attention sinks, as in gpt-oss)."""

from typing import ClassVar

from gptcli.architecture.axes import H, Shape
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
