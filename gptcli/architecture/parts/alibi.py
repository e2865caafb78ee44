"""Attention with linear biases (Press et al. 2021)."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.axes import ONE, Dim, H, Shape, Sizes
from gptcli.architecture.books import FP32, HALF, INDEX, Conditions, Kernel, Value
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct


class Alibi(Part, frozen=True, kw_only=True):
    """Adds to each score a slope of the head times how far back the key stands.

    Attributes:
        steepest: head i of H, a power of two, has the slope ``2 ** -(steepest * i / H)``.
        scaled: whether slopes are multiplied with 1 / sqrt(D), as scores are.
        bf16: whether slopes and products are rounded to bf16.
    """

    kind: ClassVar[str] = "alibi"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = (
        "Lowers the score of a key the more the further back it stands, each head at its own slope."
    )

    steepest: float
    scaled: bool = False
    bf16: bool = False

    def held(self, sizes: Sizes) -> tuple[Shape, ...]:  # noqa: D102  # as in the base class
        return ((H, ONE, ONE),)

    def formula(self) -> str:  # noqa: D102
        return f"x - slope * distance{' / sqrt(D)' if self.scaled else ''}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (scores,) = reads
        calls = Calls(self.label, out, reads, given)
        bias = self.bias(calls, scores.shape[2], scores.shape[3], scores.item)
        calls.plus("", scores, bias)
        return calls.done(bias)

    def bias(self, calls: Calls, rows: Dim, keys: Dim, item: int) -> Value:
        """Make what is added to the scores: (H, T, K), or (H, 1, K) where slopes are rounded."""
        each = (H, ONE, ONE)
        if self.bf16:
            places = calls.constant("places", (keys,), INDEX)
            slopes = calls.constant("slopes", each, HALF)
            rounded = calls.constant("rounded", (H, ONE, keys), HALF, (slopes, places))
            wide = calls.constant("wide", (H, ONE, keys), item, (rounded,)) if item != HALF else rounded
            found = calls.constant("bias", (H, ONE, keys), item, (wide,))
            calls.hold(places, rounded)
            return found
        places = calls.constant("places", (keys,), INDEX)
        behind = calls.constant("behind", (rows, keys), INDEX, (places,))
        slopes = calls.constant("slopes", each, FP32)
        found = calls.constant("bias" if item == FP32 else "wide", (H, rows, keys), FP32, (slopes, behind))
        if item != FP32:
            found = calls.constant("bias", (H, rows, keys), item, (found,))
        calls.hold(places, behind)
        return found
