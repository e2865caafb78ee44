"""Multi-head latent attention (DeepSeek-AI 2024, section 2.1): keys and values are made from one narrow latent."""

from msgspec.structs import replace

from gptcli.architecture.axes import ONE, B, C, Dim, H, J, P, Q, R, T, U, number
from gptcli.architecture.layer_plan import LayerPlan
from gptcli.architecture.network import AttentionPath, Group, Node
from gptcli.architecture.parts.heads import Heads, Joined, Piece
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.parts.rotary import Rotary
from gptcli.architecture.wiring.attention import attended, outer_reads, output_projection, seen
from gptcli.architecture.wiring.norms import shaped_norm

Parts = list[tuple[str, Node]]
_NONE = number(0)


def latent_attention(plan: LayerPlan, path: AttentionPath, reads: str) -> Group:
    """Build attention whose cache keeps the latent, and one rotated key for all heads."""
    rotated = bool(plan.attention.table)
    width = P + R if rotated else P
    parts = [*_queries(plan, width, rotated=rotated), *_keys_and_values(plan, rotated=rotated)]
    query = "q_all" if rotated else "q"
    parts += attended(plan, path, (query, "k_all" if rotated else "k", "v"), width, U)
    parts.append(("c_proj", output_projection(plan, H * U)))
    return Group(
        kind="latent_attention",
        label="Multi-head latent attention",
        computes="c_proj(softmax(mask(q @ k.T * scale)) @ v), k and v from a latent",
        reads=(reads, *outer_reads(plan.attention)),
        parts=tuple(parts),
    )


def _linear(label: str, reads: str, inputs: Dim, outputs: Dim, *, bias: bool = False) -> Linear:
    return Linear(label=label, reads=(reads,), shape=(B, T, outputs), inputs=inputs, outputs=(outputs,), bias=bias)


def _latent_norm(plan: LayerPlan, label: str, reads: str, width: Dim) -> Node:
    return shaped_norm(plan, label, reads, (B, T, width), width, eps=plan.attention.latent_norm_eps)


def _queries(plan: LayerPlan, width: Dim, *, rotated: bool) -> Parts:
    parts: Parts = []
    source, inputs = "x", C
    if plan.attention.query_latent:
        parts.append(("q_a_proj", _linear("Query latent", "x", C, Q, bias=plan.qkv_bias)))
        source, inputs = "q_a_proj", Q
        if plan.attention.latent_norm:
            parts.append(("q_a_norm", _latent_norm(plan, "query latent {}", source, Q)))
            source = "q_a_norm"
        parts.append(("q_b_proj", _linear("Queries from the latent", source, inputs, H * width)))
    else:
        bias = plan.qkv_bias and not rotated
        parts.append(("q_proj", _linear("Query projection", source, inputs, H * width, bias=bias)))
    heads = Heads(label="Queries", reads=(parts[-1][0],), shape=(B, H, T, width), start=_NONE, amount=H, width=width)
    parts.append(("q", heads))
    if rotated:
        parts += [
            ("q_nope", Piece(label="Queries without rotation", reads=("q",), shape=(B, H, T, P), start=_NONE, width=P)),
            ("q_pe", Piece(label="Queries to rotate", reads=("q",), shape=(B, H, T, R), start=P, width=R)),
            ("q_rot", _rotary(plan, "Query rotation", "q_pe", H)),
            (
                "q_all",
                Joined(label="Whole queries", reads=("q_nope", "q_rot"), shape=(B, H, T, P + R), widths=(P, R)),
            ),
        ]
    return parts


def _rotary(plan: LayerPlan, label: str, reads: str, amount: Dim, *, kept: bool = False) -> Rotary:
    has = plan.attention
    return Rotary(
        label=label,
        reads=(reads, has.table),
        shape=(B, amount, T, R),
        width=R,
        of=R,
        interleaved=has.interleaved,
        reversed=has.reversed,
        kept=kept,
        kept_of=seen(has) if kept else None,
        kept_chunked=kept and has.look == "chunk",
    )


def _keys_and_values(plan: LayerPlan, *, rotated: bool) -> Parts:
    has = plan.attention
    whole = J + R if rotated else J
    parts: Parts = [("kv_a_proj", _linear("Key and value latent", "x", C, whole, bias=plan.qkv_bias))]
    latent = Piece(label="Latent", reads=("kv_a_proj",), shape=(B, T, J), start=_NONE, width=J)
    parts.append(("latent", latent))
    if has.latent_norm:
        parts.append(("kv_a_norm", _latent_norm(plan, "latent {}", "latent", J)))
    name, last = parts[-1]
    parts[-1] = (name, replace(last, kept=True, kept_of=seen(has), kept_chunked=has.look == "chunk"))
    if rotated:
        pe = Heads(label="Key to rotate", reads=("kv_a_proj",), shape=(B, ONE, T, R), start=J, amount=ONE, width=R)
        parts += [("k_pe", pe), ("k_rot", _rotary(plan, "Key rotation", "k_pe", ONE, kept=True))]
    bias = plan.qkv_bias and not rotated
    expanded = _linear("Keys and values from the latent", name, J, H * (P + U), bias=bias)
    parts.append(("kv_b_proj", replace(expanded, of_kept=True)))
    both = Heads(
        label="Keys and values", reads=("kv_b_proj",), shape=(B, H, T, P + U), start=_NONE, amount=H, width=P + U
    )
    keys = Piece(label="Keys", reads=("kv",), shape=(B, H, T, P), start=_NONE, width=P)
    values = Piece(label="Values", reads=("kv",), shape=(B, H, T, U), start=P, width=U)
    if not rotated:
        return [*parts, ("kv", both), ("k", keys), ("v", values)]
    joined = Joined(label="Whole keys", reads=("k_nope", "k_rot"), shape=(B, H, T, P + R), widths=(P, R))
    return [*parts, ("kv", both), ("k_nope", keys), ("v", values), ("k_all", joined)]
