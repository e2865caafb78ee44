"""Attention with linear biases (Press et al. 2021)."""

from typing import ClassVar

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

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return f"x - slope * distance{' / sqrt(D)' if self.scaled else ''}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()
