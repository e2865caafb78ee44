"""The matrix products of each kind of operation: where the floating-point operations (FLOPs) of a GPT are.

A multiply-add counts as two. What is not a matrix product - embeddings, norms, softmax, GELU, sums - counts as nothing,
which is the convention of ``torch.utils.flop_counter`` and of Kaplan et al. 2020, section 2.1.
"""

from functools import singledispatch
from typing import Literal

from msgspec import Struct

from gptcli.architecture import operations as ops
from gptcli.architecture.symbols import D, H, Shape, Sizes, elements

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


@singledispatch
def matrix_products(operation: ops.Operation) -> tuple[MatrixProduct, ...]:
    """Return the matrix products of an operation.

    Raises:
        NotImplementedError: no rule for this kind of operation.
    """
    raise NotImplementedError(operation.kind)


@matrix_products.register(ops.Embedding)
@matrix_products.register(ops.Add)
@matrix_products.register(ops.Dropout)
@matrix_products.register(ops.LayerNorm)
@matrix_products.register(ops.RMSNorm)
@matrix_products.register(ops.SplitHeads)
@matrix_products.register(ops.CausalMask)
@matrix_products.register(ops.Softmax)
@matrix_products.register(ops.Gelu)
def _(operation: ops.Operation) -> tuple[MatrixProduct, ...]:
    return ()


@matrix_products.register
def _(operation: ops.Linear) -> tuple[MatrixProduct, ...]:
    return (MatrixProduct("tokens", (operation.inputs, operation.outputs)),)


@matrix_products.register
def _(operation: ops.AttentionScores) -> tuple[MatrixProduct, ...]:
    return (_PER_HEAD,)


@matrix_products.register
def _(operation: ops.WeightedSum) -> tuple[MatrixProduct, ...]:
    return (_PER_HEAD,)


@matrix_products.register
def _(operation: ops.FusedAttention) -> tuple[MatrixProduct, ...]:
    return (_PER_HEAD, _PER_HEAD)  # scores, and the weighted sum of values


_PER_HEAD = MatrixProduct("pairs", (H, D))
