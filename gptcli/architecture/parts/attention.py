"""Causal self-attention (Vaswani et al. 2017), step by step: from the projected query, key and value to one vector.

The heads are H query heads and G key and value heads, each D wide; G = H where none is shared.
"""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.axes import B, D, Dim, G, H, Shape, T
from gptcli.architecture.books import BOOL, PASSED_BACK, Amount, Conditions, Gradient, Kernel, Value, elementwise
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct

EACH_HEAD = (B, H, T, D)


class SplitHeads(Part, frozen=True, kw_only=True):
    """Views the fused projection as query, key and value of every head."""

    kind: ClassVar[str] = "split_heads"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = (
        "Cuts each token's query, key and value into pieces, one for each head. Nothing is computed; the numbers are "
        "only read in another order."
    )

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return "q, k, v of every head"

    def cached(self) -> tuple[Shape, ...]:  # noqa: D102
        return ((B, T, G * D), (B, T, G * D))  # keys and values

    def cached_as(self) -> tuple[Shape, ...]:  # noqa: D102
        return ((B, G, T, D), (B, G, T, D))

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (source,) = reads
        stacked = Gradient(Amount(PASSED_BACK, self.shape, given.item), out)
        merged = Gradient(Amount(PASSED_BACK, source.shape, given.item), source.name)
        return [
            Kernel(outs=(out,), reads=(source.name,), view_of=source.name, gradients=(merged,)),
            Kernel(outs=query_key_value(out), reads=(out,), view_of=out, gradients=(stacked,)),
        ]


class AttentionScores(Part, frozen=True, kw_only=True):
    """``q @ k.T / sqrt(D)`` (Vaswani et al. 2017, equation 1)."""

    kind: ClassVar[str] = "attention_scores"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = (
        "Compares each query with each key: the larger the product, the more attention the query pays to that key."
    )

    scale: float | None = None  # None for 1 / sqrt(width)
    width: Dim = D
    window: Dim | None = None  # tokens that a query sees at most, itself included
    chunked: bool = False  # whether they are those of its chunk, else the last ones

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return f"q @ k.T {scale_formula(self.scale, self.width)}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return (MatrixProduct("pairs", (H, self.width), self.window, self.chunked),)

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        q, k, _v = query_key_value(reads[0].name)
        raw, square = f"{out}.raw", pairs(given)
        scaled = Kernel(
            outs=(out,),
            made=(Amount(self.label, square, given.item),),
            reads=(raw,),
            gradients=(Gradient(Amount(PASSED_BACK, square, given.item), raw),),
        )
        return [*query_times_key(self.label, raw, q, k, given.item, given), scaled]


class CausalMask(Part, frozen=True, kw_only=True):
    """Minus infinity where a token would look at a later one."""

    kind: ClassVar[str] = "causal_mask"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = "Hides the future: a score for a token that comes later is set to minus infinity."

    window: Dim | None = None  # tokens that a query sees at most, itself included
    chunked: bool = False  # whether they are those of its chunk, else the last ones

    def formula(self) -> str:  # noqa: D102  # as in the base class
        if self.window is None:
            return "-inf where the key comes after the query, else x"
        before = f"in an earlier chunk of {self.window}" if self.chunked else f"{self.window} or more before it"
        return f"-inf where the key comes after the query or {before}, else x"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        mask = Amount("Causal mask", (T, given.keys), BOOL)
        ones, later = f"{out}.ones", f"{out}.later"
        filled = Kernel(
            outs=(out,),
            made=(Amount(self.label, pairs(given), given.item),),
            reads=(reads[0].name, later),
            saves=(later,),
            gradients=(Gradient(Amount(PASSED_BACK, pairs(given), given.item), reads[0].name),),
        )
        return [
            Kernel(outs=(ones,), made=(mask,), differentiable=False),
            Kernel(outs=(later,), made=(mask,), reads=(ones,), differentiable=False),
            filled,
        ]


class Softmax(Part, frozen=True, kw_only=True):
    """Scores to weights that add up to one over the keys."""

    kind: ClassVar[str] = "softmax"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = "Turns each row of scores into shares that are positive and add up to 1."

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return "exp(x) / sum(exp(x)), over the keys"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        return [elementwise(self.label, pairs(given), out, reads[0].name, given.item, saves=(out,))]


class WeightedSum(Part, frozen=True, kw_only=True):
    """Values averaged by the attention weights, the heads laid side by side again."""

    kind: ClassVar[str] = "weighted_sum"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = "Mixes the values by those shares, then puts the heads side by side to one vector again."

    width: Dim = D  # of a head's value
    window: Dim | None = None  # tokens that a query sees at most, itself included
    chunked: bool = False  # whether they are those of its chunk, else the last ones

    def formula(self) -> str:  # noqa: D102  # as in the base class
        return f"{self.reads[0]} @ v, heads side by side"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return (MatrixProduct("pairs", (H, self.width), self.window, self.chunked),)

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        weights, heads = (read.name for read in reads)
        v = query_key_value(heads)[2]
        mixed = f"{out}.heads"
        product = weights_times_value(self.label, mixed, weights, v, given.item, given)
        return [*product, merged_heads(self.label, self.shape, out, mixed, (heads,), given)]


def scale_formula(scale: float | None, width: Dim) -> str:
    """Return what scores are multiplied with."""
    return f"/ sqrt({width})" if scale is None else f"* {scale:.6g}"


def pairs(given: Conditions) -> Shape:
    """Return the shape of a number for every head, query and key."""
    return (B, H, T, given.keys)


def query_key_value(heads: str) -> tuple[str, str, str]:
    """Return the names of the three that the split heads hold."""
    return f"{heads}.q", f"{heads}.k", f"{heads}.v"


def query_times_key(label: str, out: str, q: str, k: str, item: int, given: Conditions) -> list[Kernel]:
    """``q @ k.T`` as one batched product over (BH, T, D), which copies what cannot be viewed so."""
    copies, (q_read,) = _copied_heads((q,), item, given)
    more_copies, (k_read,) = ([], [k]) if given.cached else _copied_heads((k,), item, given)
    product = Kernel(
        outs=(out,),
        made=(Amount(label, pairs(given), item),),
        reads=(q_read, k_read),
        holds=(q, k),
        saves=(q_read, k_read),
        gradients=tuple(Gradient(Amount(PASSED_BACK, EACH_HEAD, item), each) for each in (q_read, k_read)),
    )
    return [*copies, *more_copies, product]


def weights_times_value(label: str, out: str, weights: str, v: str, item: int, given: Conditions) -> list[Kernel]:
    """``weights @ v`` as one batched product; its gradient comes back with heads and tokens exchanged."""
    copies, (v_read,) = ([], [v]) if given.cached else _copied_heads((v,), item, given)
    raw = f"{out}.raw"
    product = Kernel(
        outs=(raw,),
        made=(Amount(label, EACH_HEAD, item),),
        reads=(weights, v_read),
        holds=(v,),
        saves=(weights, v_read),
        gradients=(
            Gradient(Amount(PASSED_BACK, EACH_HEAD, item), v_read),
            Gradient(Amount(PASSED_BACK, pairs(given), item), weights),
        ),
    )
    # That gradient is copied into the product's order.
    reordered = (Gradient(Amount(PASSED_BACK, EACH_HEAD, item), raw),) if _heads_need_copy(given) else ()
    return [*copies, product, Kernel(outs=(out,), reads=(raw,), view_of=raw, gradients=reordered)]


def merged_heads(label: str, shape: Shape, out: str, heads: str, held: tuple[str, ...], given: Conditions) -> Kernel:
    """Lay the heads side by side; query, key and value are ``held`` until then, by the names of whoever attends."""
    if given.sizes["T"] == 1 or given.sizes["H"] == 1:  # (B, H, T, D) can be viewed as (B, T, HD)
        return Kernel(outs=(out,), reads=(heads,), view_of=heads)
    return Kernel(outs=(out,), made=(Amount(label, shape, given.item),), reads=(heads,), holds=held)


def _heads_need_copy(given: Conditions) -> bool:
    """Return whether (B, H, T, D) views of the fused projection cannot be viewed as (BH, T, D)."""
    return given.sizes["B"] > 1 and given.sizes["H"] > 1


def _copied_heads(names: tuple[str, ...], item: int, given: Conditions) -> tuple[list[Kernel], list[str]]:
    if not _heads_need_copy(given):
        return [], list(names)
    made = (Amount("Query, key, value copies", EACH_HEAD, item),)
    return [Kernel(outs=(f"{n}.copy",), made=made, reads=(n,)) for n in names], [f"{n}.copy" for n in names]
