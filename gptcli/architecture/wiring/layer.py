"""A layer: attention and feed forward, each a branch beside the residual stream."""

from gptcli.architecture.layer_plan import LayerPlan
from gptcli.architecture.network import AttentionPath, Group, Layer, Node
from gptcli.architecture.parts.add import Add
from gptcli.architecture.parts.arithmetic import Scale
from gptcli.architecture.parts.dropout import Dropout
from gptcli.architecture.wiring.attention import attention
from gptcli.architecture.wiring.feed_forward import feed_forward
from gptcli.architecture.wiring.latent import latent_attention
from gptcli.architecture.wiring.norms import STREAM, norm

Parts = list[tuple[str, Node]]


def layer(plan: LayerPlan, path: AttentionPath) -> Layer:
    """Build a layer; GPT-2's are the lecture's eight steps."""
    wired = _parallel if plan.norm_position.startswith("parallel") else _one_after_the_other
    parts = tuple(wired(plan, path))
    return Layer(Group(kind="block", label="Transformer block", parts=parts), plan.sizes)


def _branch(plan: LayerPlan, path: AttentionPath, number: int, reads: str) -> tuple[str, Node]:
    """Return attention, the first branch, or the feed forward, the second."""
    if number == 2:
        return "mlp", feed_forward(plan, reads)
    attends = latent_attention if plan.attention.latent else attention
    return "attn", attends(plan, path, reads)


def _one_after_the_other(plan: LayerPlan, path: AttentionPath) -> Parts:
    """Norms before a branch, at its end, both, or after the sum (Xiong et al. 2020, figure 1)."""
    before = plan.norm_position in ("pre", "sandwich")
    at_end = plan.norm_position in ("branch", "sandwich")
    parts: Parts = []
    stream = "x"
    for number in (1, 2):
        reads = stream
        if before:
            parts.append((f"ln_{number}", norm(plan, f"{{}} {number}", stream)))
            reads = f"ln_{number}"
        parts.append(_branch(plan, path, number, reads))
        if at_end:
            name, words = (f"ln_{number}_post", "{} after") if before else (f"ln_{number}", "{}")
            parts.append((name, norm(plan, f"{words} {number}", parts[-1][0])))
        parts += _dropped(plan, number, parts[-1][0])
        parts += _scaled(plan, number, parts[-1][0])
        total = Add(label="Shortcut connection", reads=(stream, parts[-1][0]), shape=STREAM)
        parts.append((f"add_{number}", total))
        if plan.norm_position == "post":
            parts.append((f"ln_{number}", norm(plan, f"{{}} {number}", f"add_{number}")))
        stream = parts[-1][0]
    return parts


def _parallel(plan: LayerPlan, path: AttentionPath) -> Parts:
    """Both branches read the same stream, through one norm or one each (Wang and Komatsuzaki 2021)."""
    two = plan.norm_position == "parallel_two"
    parts: Parts = [("ln_1", norm(plan, "{} 1" if two else "{}", "x"))]
    if two:
        parts.append(("ln_2", norm(plan, "{} 2", "x")))
    stream = "x"
    for number in (1, 2):
        reads = "ln_2" if two and number == 2 else "ln_1"
        parts.append(_branch(plan, path, number, reads))
        parts += _dropped(plan, number, parts[-1][0])
        parts += _scaled(plan, number, parts[-1][0])
        parts.append((f"add_{number}", Add(label="Shortcut connection", reads=(stream, parts[-1][0]), shape=STREAM)))
        stream = f"add_{number}"
    return parts


def _dropped(plan: LayerPlan, number: int, reads: str) -> Parts:
    if not plan.lists_dropout and not plan.drop_rate:
        return []
    return [(f"drop_{number}", Dropout(label="Dropout", reads=(reads,), shape=STREAM, rate=plan.drop_rate))]


def _scaled(plan: LayerPlan, number: int, reads: str) -> Parts:
    if plan.residual_scale == 1:
        return []
    return [(f"scale_{number}", Scale(label="Branch scale", reads=(reads,), shape=STREAM, factor=plan.residual_scale))]
