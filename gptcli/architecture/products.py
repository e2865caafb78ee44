"""Matrix products: where the floating-point operations (FLOPs) of a GPT are.

A multiply-add counts as two. What is not a matrix product - embeddings, norms, softmax, GELU, sums - counts as nothing,
which is the convention of ``torch.utils.flop_counter`` and of Kaplan et al. 2020, section 2.1.
"""

from typing import Literal

from msgspec import Struct

from gptcli.architecture.axes import Shape, Sizes, elements

MULTIPLY_ADD = 2

Over = Literal["tokens", "pairs"]


class MatrixProduct(Struct, frozen=True):
    """A product that costs ``2 * B * (how often) * dims`` FLOPs.

    Attributes:
        over: what it is done for: every token of a text, T times (linear layers), or every pair of a query and a key,
            T * T times (attention).
        dims: the dimensions whose product it costs for each of them, in each text.
    """

    over: Over
    dims: Shape

    def flops(self, sizes: Sizes) -> int:
        """Return what it costs over B texts of T tokens."""
        often = sizes["T"] ** (1 if self.over == "tokens" else 2)
        return MULTIPLY_ADD * sizes["B"] * often * elements(self.dims, sizes)
