"""Attention in one call of ``scaled_dot_product_attention``."""

from collections.abc import Sequence
from typing import ClassVar

from gptcli.architecture.axes import ONE, B, D, Dim, H, T
from gptcli.architecture.books import BOOL, FP32, PASSED_BACK, Amount, Conditions, Gradient, Kernel, Value, elementwise
from gptcli.architecture.parts.alibi import Alibi
from gptcli.architecture.parts.attention import (
    EACH_HEAD,
    merged_heads,
    pairs,
    query_key_value,
    query_times_key,
    scale_formula,
    weights_times_value,
)
from gptcli.architecture.parts.dropout import dropped
from gptcli.architecture.parts.part import Family, Part
from gptcli.architecture.products import MatrixProduct

_COPIES = "Query, key, value copies"


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

    def formula(self) -> str:  # noqa: D102
        added = " + slopes" if self.alibi else ""
        return f"softmax(mask(q @ k.T {scale_formula(self.scale, self.width)}{added})) @ v, heads side by side"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        scores, mix = (
            MatrixProduct("pairs", (H, width), self.window, self.chunked) for width in (self.width, self.value_width)
        )
        return (scores, mix)

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        qkv = query_key_value(reads[0].name)
        if given.device == "cpu" and given.training and self.rate > 0:
            return _in_fp32(self, out, qkv, given)
        fused = Kernel(
            outs=(out,),
            made=(Amount(self.label, EACH_HEAD, given.item), Amount("Attention statistics", (B, H, T), FP32)),
            reads=qkv,
            saves=(*qkv, out),
            gradients=tuple(Gradient(Amount(PASSED_BACK, EACH_HEAD, given.item), each) for each in qkv),
        )
        return [fused]


def _in_fp32(part: FusedAttention, out: str, qkv: tuple[str, str, str], given: Conditions) -> list[Kernel]:
    """What ``scaled_dot_product_attention`` does on the CPU where dropout is on: every step, in fp32."""
    low = given.item < FP32
    label = part.label
    arguments = qkv
    name = {part: f"{out}.{part}" for part in ("q", "k", "v", "bias", "raw", "masked", "softmax", "drop", "heads")}
    found: list[Kernel] = []
    if low:
        for letter, read in zip(("q", "k", "v"), qkv, strict=True):
            wide = f"{name[letter]}.fp32"
            found.append(elementwise(_COPIES, EACH_HEAD, wide, read, FP32, back_item=given.item))
        qkv = (f"{name['q']}.fp32", f"{name['k']}.fp32", f"{name['v']}.fp32")
    scaled = [
        elementwise(_COPIES, EACH_HEAD, name[letter], read, FP32)
        for letter, read in zip(("q", "k"), qkv[:2], strict=True)
    ]
    found += [scaled[0], *_causal_bias(name["bias"]), scaled[1]]
    found += query_times_key(label, name["raw"], name["q"], name["k"], FP32, given)
    square = pairs(given)
    found.append(Kernel(outs=(name["masked"],), made=(Amount(label, square, FP32),), reads=(name["raw"], name["bias"])))
    found.append(elementwise(label, square, name["softmax"], name["masked"], FP32, saves=(name["softmax"],)))
    found.append(dropped(square, part.rate, name["drop"], name["softmax"], FP32, given))
    if low:  # the weights are returned too, in the caller's dtype, and dropped there
        returned = (Amount(label, square, given.item),)
        found.append(Kernel(outs=(f"{out}.weights",), made=returned, reads=(name["drop"],), differentiable=False))
    heads = f"{name['heads']}.fp32" if low else name["heads"]
    found += weights_times_value(label, heads, name["drop"], qkv[2], FP32, given)
    if low:
        found.append(elementwise(label, EACH_HEAD, name["heads"], heads, given.item, back_item=FP32))
    low_only = (*qkv, name["drop"], f"{out}.weights", heads) if low else ()
    held = (*arguments, name["q"], name["bias"], *low_only)
    found.append(Kernel(outs=(f"{out}.returned",), reads=(name["heads"],), holds=held, view_of=name["heads"]))
    return [*found, merged_heads(label, part.shape, out, f"{out}.returned", arguments, given)]


def _causal_bias(out: str) -> list[Kernel]:
    """Zero or minus infinity for every pair of tokens, made from a triangle of booleans and two scalars."""
    mask, scalar = Amount("Causal mask", (T, T), BOOL), Amount("Causal mask", (ONE,), FP32)
    ones, lower, low, high = f"{out}.ones", f"{out}.lower", f"{out}.low", f"{out}.high"
    return [
        Kernel(outs=(ones,), made=(mask,), differentiable=False),
        Kernel(outs=(lower,), made=(mask,), reads=(ones,), differentiable=False),
        Kernel(outs=(low,), made=(scalar,), differentiable=False),
        Kernel(outs=(high,), made=(scalar,), differentiable=False),
        Kernel(
            outs=(out,),
            made=(Amount("Causal mask", (T, T), FP32),),
            reads=(lower, low, high),
            differentiable=False,
        ),
    ]
