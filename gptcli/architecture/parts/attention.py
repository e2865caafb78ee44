"""Causal self-attention (Vaswani et al. 2017), step by step: from the projected query, key and value to one vector.

The heads are H query heads and G key and value heads, each D wide; G = H where none is shared.
"""

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace

from gptcli.architecture.axes import B, D, Dim, G, H, Shape, T, number, shape_sizes, size
from gptcli.architecture.books import BOOL, INDEX, PASSED_BACK, Amount, Conditions, Gradient, Kernel, Value
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct
from gptcli.architecture.strides import contiguous

COPIES = "Query, key, value copies"
MASK = "Causal mask"
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
        pieces = self._pieces(out, source, given)
        whole = Value(out, source.item, self.shape, pieces=pieces)
        views = tuple(piece.name for piece in pieces if piece.strides == pieces[0].strides)
        found = [
            Kernel(outs=(out,), reads=(source.name,), view_of=source.name, gradients=(merged,), value=whole),
            Kernel(outs=views, reads=(out,), view_of=out, gradients=(stacked,), value=whole),
        ]
        return [*found, *(read_from_cache(self, piece) for piece in pieces if piece.name not in views)]

    def _pieces(self, out: str, source: Value, given: Conditions) -> tuple[Value, ...]:
        """Query, key and value of every head; from a cache keys and values of all that were read."""
        heads, tokens, width = (size(dim, given.sizes) for dim in (H, T, D))
        row = 3 * heads * width
        lies = (tokens * row, width, row, 1)
        found = [Value(f"{out}.{letter}", source.item, EACH_HEAD, lies) for letter in "qkv"]
        if given.cached:
            found[1:] = [in_cache(self, piece, (B, G, T, D), given) for piece in found[1:]]
        return tuple(found)


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
        q, k = reads if len(reads) > 1 else reads[0].pieces[:2]
        calls = Calls(self.label, out, reads, given)
        calls.scaled("", over_keys(calls, "raw", q, calls.permuted("k.T", k, (0, 1, 3, 2))))
        return calls.done()


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
        (scores,) = reads
        calls = Calls(self.label, out, reads, given)
        mask = hidden(calls, "later", scores.shape[-2:], self.window, chunked=self.chunked)
        calls.masked("", scores, mask)
        return calls.done(mask)


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
        calls = Calls(self.label, out, reads, given)
        calls.mapped("", reads[0], saves="result", lies=False)
        return calls.done()


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
        weights, v = reads[0], reads[1].pieces[2] if reads[1].pieces else reads[1]
        calls = Calls(self.label, out, reads, given)
        taken = calls.same("taken", v, *reads[1:], *reads[1].pieces)  # what else the heads hold goes first
        calls.merged("", over_keys(calls, "heads", weights, taken))
        calls.hold(taken)  # the weights go as soon as their product is there
        return calls.kernels


def scale_formula(scale: float | None, width: Dim) -> str:
    """Return what scores are multiplied with."""
    return f"/ sqrt({width})" if scale is None else f"* {scale:.6g}"


def query_key_value(reads: Sequence[Value]) -> tuple[Value, Value, Value]:
    """Return queries, keys and values, read apart or in the split heads."""
    q, k, v = reads if len(reads) > 1 else reads[0].pieces
    return q, k, v


def over_keys(calls: Calls, step: str, rows: Value, matrices: Value) -> Value:
    """(B, H, T, n) times the matrix (B, G, n, m) of each one's group: a group's rows lie over each other in one."""
    batch, heads, tokens, width = rows.shape
    _, groups, _, columns = matrices.shape
    (many,), (few,) = calls.sizes((heads,)), calls.sizes((groups,))
    if many == few:
        return _product(calls, step, rows, matrices)
    together = calls.reshaped(f"{step}:together", rows, (batch, groups, many // few * tokens, width), COPIES)
    product = _product(calls, f"{step}:product", together, matrices)
    return calls.reshaped(step, product, (batch, heads, tokens, columns))


def _product(calls: Calls, step: str, rows: Value, matrices: Value) -> Value:
    """A product of two values, which autocast narrows first, the second before the first."""
    right = calls.for_product(f"{step}:columns", matrices)
    left = calls.for_product(f"{step}:rows", rows)
    product = calls.product(step, left, right, copies=COPIES)
    calls.hold(rows, matrices)
    return product


def hidden(calls: Calls, step: str, square: Shape, window: Dim | None = None, *, chunked: bool = False) -> Value:
    """Make where a key comes after the query, or too far before it: (T, K)."""
    rows, keys = square
    mask = (rows, keys)
    ones = calls.constant(f"{step}:ones", mask, BOOL, label=MASK)
    narrow = window is not None and calls.sizes((keys,)) > calls.sizes((window,))
    later = calls.constant(f"{step}:later" if narrow else step, mask, BOOL, (ones,), MASK)
    if not narrow:
        return later
    if chunked:
        return _outside_chunk(calls, step, later, rows, keys)
    like = calls.constant(f"{step}:like", mask, BOOL, (later,), MASK)
    before = calls.constant(f"{step}:before", mask, BOOL, (like,), MASK)
    return calls.into(step, later, before)


def _outside_chunk(calls: Calls, step: str, later: Value, rows: Dim, keys: Dim) -> Value:
    places = calls.constant(f"{step}:places", (keys,), INDEX, label=MASK)
    chunks = calls.constant(f"{step}:chunks", (keys,), INDEX, (places,), MASK)
    outside = calls.constant(f"{step}:outside", (rows, keys), BOOL, (chunks,), MASK)
    calls.hold(chunks)
    return calls.into(step, later, outside, held=(chunks,))


def read_from_cache(part: Part, value: Value, reads: tuple[str, ...] = ()) -> Kernel:
    """Return the call that makes a value lie in the cache, which is counted there."""
    nothing = (Amount(part.label, (number(0),), 1),)
    return Kernel(outs=(value.name,), made=nothing, reads=reads, differentiable=False, value=value)


def in_cache(part: Part, value: Value, shape: Shape, given: Conditions) -> Value:
    """Return what readers get of a value that a cache keeps: all that they may attend to, as it lies there.

    Where a prompt is longer than a window, that is the value itself.

    Args:
        part: says how much is kept.
        value: of the tokens that are read now.
        shape: of what is kept.
        given: the conditions, whose ``keys`` are all that was read.
    """
    along = shape.index(T)
    (tokens,), (keys,) = shape_sizes((T,), given.sizes), shape_sizes((given.keys,), given.sizes)
    rows, seen = keys, given.keys
    if part.kept_of is not None:
        rows = min(size(part.kept_of, given.sizes), keys)
        if keys > rows:
            if tokens > 1:
                return value
            seen = number((keys - 1) % rows + 1) if part.kept_chunked else part.kept_of
    whole = list(shape_sizes(shape, given.sizes))
    whole[along] = rows
    kept = tuple(seen if dim == along else length for dim, length in enumerate(shape))
    return replace(value, shape=kept, strides=contiguous(tuple(whole)), grad=False)
