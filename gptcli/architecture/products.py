"""Matrix products: where the floating-point operations (FLOPs) of a GPT are.

A multiply-add counts as two. What is not a matrix product - embeddings, norms, softmax, GELU, sums - counts as nothing,
which is the convention of ``torch.utils.flop_counter`` and of Kaplan et al. 2020, section 2.1.
"""

from typing import Literal

from msgspec import Struct

from gptcli.architecture.axes import Dim, Shape, Sizes, elements

MULTIPLY_ADD = 2

Over = Literal["tokens", "pairs", "keys"]


class MatrixProduct(Struct, frozen=True):
    """A product that costs ``2 * B * (how often) * dims`` FLOPs.

    Attributes:
        over: what it is done for: every token of a text, T times (linear layers), every pair of a query and a key,
            T * T times (attention), or every key, T times in a pass, and for a further token again for all keys.
        dims: the dimensions whose product it costs for each of them, in each text.
        window: the most keys that a query sees, or None for all; every pair is computed all the same.
        chunked: whether those are the keys of its chunk, else the last ones.
    """

    over: Over
    dims: Shape
    window: Dim | None = None
    chunked: bool = False

    def flops(self, sizes: Sizes) -> int:
        """Return what it costs over B texts of T tokens."""
        often = sizes["T"] ** (2 if self.over == "pairs" else 1)
        return MULTIPLY_ADD * sizes["B"] * often * elements(self.dims, sizes)
