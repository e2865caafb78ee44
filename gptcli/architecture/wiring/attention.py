"""Attention from projected queries, keys and values to one vector a token."""

from gptcli.architecture.axes import B, C, D, Dim, G, H, R, T, W, number
from gptcli.architecture.layer_plan import AttentionPlan, LayerPlan
from gptcli.architecture.network import AttentionPath, Group, Node
from gptcli.architecture.parts.alibi import Alibi
from gptcli.architecture.parts.arithmetic import Clamp, Softcap, Temperature
from gptcli.architecture.parts.attention import AttentionScores, CausalMask, Softmax, SplitHeads, WeightedSum
from gptcli.architecture.parts.dropout import Dropout
from gptcli.architecture.parts.fused_attention import FusedAttention
from gptcli.architecture.parts.heads import Heads, Piece
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.parts.rotary import Rotary
from gptcli.architecture.parts.sinks import SinkSoftmax
from gptcli.architecture.roles import KEY_NORM, QUERY_KEY_VALUE, QUERY_NORM, TO_RESIDUAL
from gptcli.architecture.wiring.norms import STREAM, shaped_norm

Parts = list[tuple[str, Node]]
_NONE = number(0)


def attention(plan: LayerPlan, path: AttentionPath, reads: str) -> Group:
    """Build attention whose query, key and value are rows of one projection."""
    has = plan.attention
    projected = Linear(
        label="Query, key, value",
        shape=(B, T, H * D + 2 * (G * D)),
        inputs=C,
        outputs=(H * D, G * D, G * D),
        bias=plan.qkv_bias,
        role=QUERY_KEY_VALUE,
    )
    parts: Parts = [("c_attn", projected)]
    if has.grouped:
        parts += _apart(plan)
        taken = tuple(_last(parts, letter) for letter in "qkv")
    else:
        split = SplitHeads(
            label="Split into heads",
            reads=("c_attn",),
            shape=(number(3), B, H, T, D),
            kept_of=seen(has),
            kept_chunked=has.look == "chunk",
        )
        parts.append(("heads", split))
        taken = ("heads",)
    parts += attended(plan, path, taken, D, D)
    parts.append(("c_proj", output_projection(plan, H * D)))
    return Group(
        kind="attention",
        label="Masked multi-head attention" if not has.grouped else _called(has),
        computes="c_proj(softmax(mask(q @ k.T / sqrt(D))) @ v)",
        reads=(reads, *outer_reads(has)),
        parts=tuple(parts),
    )


def _called(has: AttentionPlan) -> str:
    return {"full": "Causal attention", "window": "Sliding-window attention", "chunk": "Chunked attention"}[has.look]


def outer_reads(has: AttentionPlan) -> tuple[str, ...]:
    """Return what attention takes beside the stream: angles of rotation, positions."""
    return (*([has.table] if has.table else []), *(["positions"] if has.temperature_floor else []))


def seen(has: AttentionPlan) -> Dim | None:
    """Return the most tokens that a query sees, or None for all."""
    return None if has.look == "full" else W


def _last(parts: Parts, letter: str) -> str:
    """Return the last part that gives the queries, keys or values."""
    return [name for name, _ in parts if name == letter or name.startswith(f"{letter}_")][-1]


def _apart(plan: LayerPlan) -> Parts:
    """Queries, keys and values each on their own: normed, cut, rotated."""
    has = plan.attention
    return [
        *_prepared(plan, "q", "Queries", _NONE, H),
        *_prepared(plan, "k", "Keys", H * D, G, kept=True),
        *_values(has),
    ]


def _values(has: AttentionPlan) -> Parts:
    start = (H + G) * D
    if not has.clip:
        heads = Heads(
            label="Values",
            reads=("c_attn",),
            shape=(B, G, T, D),
            start=start,
            amount=G,
            width=D,
            kept=True,
            kept_of=seen(has),
            kept_chunked=has.look == "chunk",
        )
        return [("v", heads)]
    piece = Piece(label="Values", reads=("c_attn",), shape=(B, T, G * D), start=start, width=G * D)
    cut = Clamp(label="Values cut", reads=("v_flat",), shape=(B, T, G * D), limit=has.clip)
    heads = Heads(
        label="Value heads",
        reads=("v_clip",),
        shape=(B, G, T, D),
        start=_NONE,
        amount=G,
        width=D,
        kept=True,
        kept_of=seen(has),
        kept_chunked=has.look == "chunk",
    )
    return [("v_flat", piece), ("v_clip", cut), ("v", heads)]


def _prepared(plan: LayerPlan, letter: str, label: str, start: Dim, amount: Dim, *, kept: bool = False) -> Parts:
    """Queries or keys: from rows of the projection to normed, rotated heads."""
    has = plan.attention
    parts: Parts = []
    source = "c_attn"
    flat = (B, T, amount * D)
    if has.qk_norm == "full" or has.clip:
        parts.append((f"{letter}_flat", Piece(label=label, reads=(source,), shape=flat, start=start, width=amount * D)))
        source, start, label = f"{letter}_flat", _NONE, f"{label[:-1]} heads"
    role = QUERY_NORM if letter == "q" else KEY_NORM
    if has.qk_norm == "full":
        part = shaped_norm(plan, f"{_one(letter)} {{}}", source, flat, amount * D, role=role, bias=has.qk_norm_bias)
        parts.append((f"{letter}_norm", part))
        source = f"{letter}_norm"
    if has.clip:
        cut = Clamp(label=f"{_one(letter).capitalize()} cut", reads=(source,), shape=flat, limit=has.clip)
        parts.append((f"{letter}_clip", cut))
        source = f"{letter}_clip"
    shape = (B, amount, T, D)
    parts.append((letter, Heads(label=label, reads=(source,), shape=shape, start=start, amount=amount, width=D)))
    steps = [_rotated, _normed] if has.qk_norm_after_rope else [_normed, _rotated]
    for step in [*steps, _tempered]:
        parts += step(plan, letter, parts[-1][0], amount)
    if kept:
        name, last = parts[-1]
        from msgspec.structs import replace

        parts[-1] = (name, replace(last, kept=True, kept_of=seen(has), kept_chunked=has.look == "chunk"))
    return parts


def _one(letter: str) -> str:
    return {"q": "query", "k": "key"}[letter]


def _normed(plan: LayerPlan, letter: str, reads: str, amount: Dim) -> Parts:
    has = plan.attention
    if has.qk_norm in ("none", "full"):
        return []
    part = shaped_norm(
        plan,
        f"{_one(letter)} {{}}",
        reads,
        (B, amount, T, D),
        D,
        role=QUERY_NORM if letter == "q" else KEY_NORM,
        bias=has.qk_norm_bias and has.qk_norm != "unscaled",
        heads=amount if has.qk_norm == "each_head" else None,
        scaled=has.qk_norm != "unscaled",
    )
    return [(f"{letter}_norm", part)]


def _rotated(plan: LayerPlan, letter: str, reads: str, amount: Dim) -> Parts:
    has = plan.attention
    if not has.table:
        return []
    part = Rotary(
        label=f"{_one(letter).capitalize()} rotation",
        reads=(reads, has.table),
        shape=(B, amount, T, D),
        width=R if has.partial else D,
        of=D,
        interleaved=has.interleaved,
        reversed=has.reversed,
    )
    return [(f"{letter}_rot", part)]


def _tempered(plan: LayerPlan, letter: str, reads: str, amount: Dim) -> Parts:
    has = plan.attention
    if not has.temperature_floor or letter != "q":
        return []
    part = Temperature(
        label="Query temperature",
        reads=(reads, "positions"),
        shape=(B, amount, T, D),
        floor=has.temperature_floor,
        scale=has.temperature_scale,
    )
    return [("q_temp", part)]


def output_projection(plan: LayerPlan, width: Dim) -> Linear:
    """Return the projection back to the residual stream."""
    return Linear(
        label="Output projection",
        reads=("mix",),
        shape=STREAM,
        inputs=width,
        outputs=(C,),
        bias=plan.bias if plan.out_bias is None else plan.out_bias,
        role=TO_RESIDUAL,
    )


def attended(plan: LayerPlan, path: AttentionPath, taken: tuple[str, ...], width: Dim, value_width: Dim) -> Parts:
    """From queries, keys and values to the heads' outputs side by side.

    Args:
        plan: of the layer.
        path: steps, or one fused call where it can do what the layer needs.
        taken: the split heads, or queries, keys and values.
        width: of a head's query and key.
        value_width: of its value.
    """
    has = plan.attention
    rate = plan.drop_rate if plan.attention_drop_rate is None else plan.attention_drop_rate
    mixed = (B, T, H * value_width)
    if path == "sdpa" and not has.softcap and not has.sinks:
        fused = FusedAttention(
            label="Scaled dot-product attention",
            reads=taken,
            shape=mixed,
            rate=rate,
            scale=has.scale,
            window=seen(has),
            chunked=has.look == "chunk",
            alibi=_alibi(has, taken) if has.alibi else None,
            width=width,
            value_width=value_width,
        )
        return [("mix", fused)]
    square = (B, H, T, T)
    queried, values = (taken[:2], taken[2]) if len(taken) > 1 else (taken, taken[0])
    window, chunked = seen(has), has.look == "chunk"
    scores = AttentionScores(
        label="Attention scores",
        reads=queried,
        shape=square,
        scale=has.scale,
        width=width,
        window=window,
        chunked=chunked,
    )
    parts: Parts = [("scores", scores)]
    if has.softcap:
        parts.append(("cap", Softcap(label="Score cap", reads=("scores",), shape=square, cap=has.softcap)))
    if has.alibi:
        parts.append(("alibi", _alibi(has, ("scores",))))
    mask = CausalMask(
        label="Causal mask" if has.look == "full" else "Causal mask of a window",
        reads=(parts[-1][0],),
        shape=square,
        window=window,
        chunked=chunked,
    )
    softmax = SinkSoftmax if has.sinks else Softmax
    parts += [("mask", mask), ("softmax", softmax(label="Softmax", reads=("mask",), shape=square))]
    if plan.lists_dropout or rate > 0:
        parts.append(("drop", Dropout(label="Dropout", reads=("softmax",), shape=square, rate=rate)))
    mix = WeightedSum(
        label="Weighted sum of values",
        reads=(parts[-1][0], values),
        shape=mixed,
        width=value_width,
        window=window,
        chunked=chunked,
    )
    return [*parts, ("mix", mix)]


def _alibi(has: AttentionPlan, reads: tuple[str, ...]) -> Alibi:
    return Alibi(
        label="Distance slopes",
        reads=reads,
        shape=(B, H, T, T),
        steepest=has.alibi,
        scaled=has.alibi_scaled,
        bf16=has.alibi_bf16,
    )
