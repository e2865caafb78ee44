"""Attention in one call of ``scaled_dot_product_attention``."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace

from gptcli.architecture.axes import ONE, D, Dim, H, Shape, Sizes, number
from gptcli.architecture.books import (
    BOOL,
    FP32,
    PASSED_BACK,
    Amount,
    Conditions,
    Gradient,
    Kernel,
    Value,
)
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.alibi import Alibi
from gptcli.architecture.parts.attention import COPIES, MASK, hidden, query_key_value, scale_formula
from gptcli.architecture.parts.dropout import dropped
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct
from gptcli.architecture.strides import Numbers, contiguous, dense_like, permuted


class FusedAttention(Part, frozen=True, kw_only=True):
    """Scores, mask, softmax, dropout and weighted sum in one call of ``scaled_dot_product_attention``."""

    kind: ClassVar[str] = "scaled_dot_product_attention"
    family: ClassVar[Family] = "attention"
    sentence: ClassVar[str] = (
        "Scores, mask, softmax and weighted sum in one fused call, which never writes the T x T shares down."
    )

    rate: float
    scale: float | None = None  # None for 1 / sqrt(width)
    window: Dim | None = None  # tokens that a query sees at most, itself included
    chunked: bool = False  # whether they are those of its chunk, else the last ones
    alibi: Alibi | None = None  # what is added to the scores
    width: Dim = D
    value_width: Dim = D

    @property
    def random(self) -> bool:  # noqa: D102  # as in the base class
        return self.rate > 0

    def held(self, sizes: Sizes) -> tuple[Shape, ...]:  # noqa: D102
        return () if self.alibi is None else self.alibi.held(sizes)

    def formula(self) -> str:  # noqa: D102
        added = " + slopes" if self.alibi else ""
        return f"softmax(mask(q @ k.T {scale_formula(self.scale, self.width)}{added})) @ v, heads side by side"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        scores, mix = (
            MatrixProduct("pairs", (H, width), self.window, self.chunked) for width in (self.width, self.value_width)
        )
        return (scores, mix)

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        q, k, v = query_key_value(reads)
        calls = Calls(self.label, out, reads, given)
        (rows,), (many,), (few,) = (calls.sizes((value.shape[axis],)) for value, axis in ((q, 2), (q, 1), (k, 1)))
        mask = _mask(self, calls, q, k)
        alone = rows == 1 and many != few and mask is None
        dropping = given.training and self.rate > 0
        if alone:  # the queries of a group as so many tokens of one head
            q = calls.reshaped("grouped", q, (q.shape[0], k.shape[1], number(many // few), q.shape[-1]))
        taken = (q, k, v)
        v, k, q = (calls.for_product(f"{n}:half", x) for n, x in zip("vkq", reversed(taken), strict=True))
        if given.device == "cpu" and (dropping or calls.sizes(q.shape[-1:]) != calls.sizes(v.shape[-1:])):
            mixed = _step_by_step(self, calls, (q, k, v), mask, given, dropping=dropping, causal=rows > 1)
        else:
            mixed = _flash(calls, "mixed", q, k, v, mask)
        calls.hold(q, k, v)
        if alone:
            calls.reshaped("", mixed, (q.shape[0], ONE, number(many) * v.shape[-1]))
        else:
            calls.merged("", mixed)
        return calls.done(*taken, *([mask] if mask is not None else []))


def _mask(part: FusedAttention, calls: Calls, q: Value, k: Value) -> Value | None:
    """Make what says which keys a query sees, where torch's own causal mask does not."""
    rows, keys = calls.sizes((q.shape[2], k.shape[2]))
    narrow = part.window is not None and (keys,) > calls.sizes((part.window,))
    if part.alibi is not None:
        bias = part.alibi.bias(calls, q.shape[2], k.shape[2], q.item)
        if rows == 1:
            return bias
        unseen = hidden(calls, "unseen", (q.shape[2], k.shape[2]), part.window, chunked=part.chunked)
        filled = calls.constant("bias:masked", (H, q.shape[2], k.shape[2]), q.item, (bias, unseen))
        calls.hold(bias, unseen)
        return filled
    if rows == 1 or (rows == keys and not narrow):
        return None
    return hidden(calls, "unseen", (q.shape[2], k.shape[2]), part.window, chunked=part.chunked)


def _flash(calls: Calls, step: str, q: Value, k: Value, v: Value, mask: Value | None) -> Value:
    """The fused call: it keeps what it reads, its result and a statistic; a mask of booleans is made numbers first."""
    reads = [q, k, v]
    if mask is not None and mask.item == BOOL:
        mask = _as_numbers(calls, mask, q.item)
    if mask is not None:
        reads.append(mask)
    lies = dense_like(calls.sizes(q.shape), calls.strides(q))
    value = Value(calls.name(step), q.item, (*q.shape[:-1], v.shape[-1]), lies, q.grad or k.grad or v.grad)
    gradients = [
        Gradient(Amount(PASSED_BACK, read.shape, read.item), read.name, strides=_tokens_first(calls.sizes(read.shape)))
        for read in (q, k, v)
    ]
    statistics = Amount("Attention statistics", q.shape[:-1], FP32)
    saves = (*(read.name for read in reads), value.name)
    return calls.call(value, reads, saves=saves, gradients=gradients, extra=(statistics,))


def _as_numbers(calls: Calls, mask: Value, item: int) -> Value:
    """Zero or minus infinity for booleans, from two scalars."""
    low, high = (calls.constant(f"mask:{each}", (ONE,), item, label=MASK) for each in ("low", "high"))
    return calls.constant("mask:numbers", mask.shape, item, (mask, low, high), MASK)


def _tokens_first(shape: Numbers) -> Numbers:
    """Return the strides of (B, H, T, D) whose numbers lie as (B, T, H, D)."""
    batch, heads, tokens, width = shape
    return permuted(contiguous((batch, tokens, heads, width)), (0, 2, 1, 3))


def _step_by_step(
    part: FusedAttention,
    calls: Calls,
    qkv: tuple[Value, Value, Value],
    mask: Value | None,
    given: Conditions,
    *,
    dropping: bool,
    causal: bool,
) -> Value:
    """What ``scaled_dot_product_attention`` does on the CPU where dropout is on or widths differ: in fp32."""
    q, k, v = qkv
    low = q.item < FP32
    if low:
        q, k, v = (calls.mapped(f"{n}.fp32", x, item=FP32, label=COPIES) for n, x in zip("qkv", qkv, strict=True))
    scaled_q = calls.mapped("q", q, label=COPIES)
    bias = _added(calls, q, k, mask) if causal or mask is not None else None
    wide_k, wide_v = k, v
    k, v = (_for_each_head(calls, name, x, q) for name, x in (("k", k), ("v", v)))
    scaled_k = calls.mapped("k", calls.permuted("k.T", k, (0, 1, 3, 2)), label=COPIES)
    square = calls.product("raw", scaled_q, scaled_k, copies=COPIES)
    if bias is not None:
        square = calls.plus("masked", square, bias)
    shares = calls.mapped("softmax", square, saves="result", lies=False)
    dropped_shares = shares
    if dropping:
        call = dropped(shares.shape, part.rate, calls.name("drop"), shares.name, FP32, given)
        dropped_shares = replace(shares, name=call.outs[0])
        calls.kernels.append(replace(call, value=dropped_shares))
    if low:  # the weights are returned too, in the caller's dtype, and dropped there
        returned = calls.constant("weights", shares.shape, given.item, (dropped_shares,))
    heads = calls.product("heads.fp32" if low else "heads", dropped_shares, v, copies=COPIES)
    held = [scaled_q, k, v, *([bias] if bias is not None else [])]
    if low:
        heads = calls.mapped("heads", heads, item=given.item)
        held += [q, wide_k, wide_v, dropped_shares, returned]
    mixed = calls.same("returned", heads)
    calls.hold(*held)
    return mixed


def _for_each_head(calls: Calls, step: str, x: Value, q: Value) -> Value:
    """``x.repeat_interleave(H / G, 1)``: a copy where heads share keys and values."""
    batch, groups, tokens, width = x.shape
    (many,), (few,) = calls.sizes(q.shape[1:2]), calls.sizes((groups,))
    if many == few:
        return x
    single = calls.reshaped(f"{step}:single", x, (batch, groups, ONE, tokens, width), COPIES)
    spread = calls.expanded(f"{step}:spread", single, (batch, groups, number(many // few), tokens, width))
    copied = calls.laid_out(f"{step}:each", spread, COPIES)
    return calls.reshaped(f"{step}:heads", copied, (batch, q.shape[1], tokens, width))


def _added(calls: Calls, q: Value, k: Value, mask: Value | None) -> Value:
    """Zero or minus infinity for every query and key."""
    if mask is not None:
        return _as_numbers(calls, mask, FP32) if mask.item == BOOL else mask
    square = (q.shape[2], k.shape[2])
    ones = calls.constant("bias:ones", square, BOOL, label=MASK)
    lower = calls.constant("bias:lower", square, BOOL, (ones,), MASK)
    low, high = (calls.constant(f"bias:{each}", (ONE,), FP32, label=MASK) for each in ("low", "high"))
    return calls.constant("bias", square, FP32, (lower, low, high), MASK)
