"""What each kind of operation computes, as one line of mathematics: the words a drawing writes beside a step.

``x`` is what a step reads where it reads one tensor; ``weight`` and ``bias`` are its own, in torch's order (out, in).
"""

from functools import singledispatch

from gptcli.architecture import operations as ops
from gptcli.architecture.network import Attention, FeedForward, Group

_HEADS = "q, k, v of every head"


@singledispatch
def equation(node: ops.Operation | Group) -> str:
    """Return what an operation or a group computes.

    Raises:
        NotImplementedError: no rule for this kind.
    """
    raise NotImplementedError(node.kind)


@equation.register
def _(node: ops.Embedding) -> str:
    return f"weight[{node.reads[0]}]"


@equation.register
def _(node: ops.Add) -> str:
    return " + ".join(node.reads)


@equation.register
def _(node: ops.Dropout) -> str:
    return f"x; in training dropout(x, {node.rate:g})"


@equation.register
def _(node: ops.LayerNorm) -> str:
    shift = " + bias" if node.bias else ""
    return f"(x - mean(x)) / sqrt(var(x) + {node.eps:g}) * weight{shift}"


@equation.register
def _(node: ops.RMSNorm) -> str:
    return f"x / sqrt(mean(x**2) + {node.eps:g}) * weight"


@equation.register
def _(node: ops.Linear) -> str:
    weight = node.tied_to or "weight"
    return f"x @ {weight}.T{' + bias' if node.bias else ''}"


@equation.register
def _(node: ops.SplitHeads) -> str:
    return _HEADS


@equation.register
def _(node: ops.AttentionScores) -> str:
    return "q @ k.T / sqrt(D)"


@equation.register
def _(node: ops.CausalMask) -> str:
    return "-inf where the key comes after the query, else x"


@equation.register
def _(node: ops.Softmax) -> str:
    return "exp(x) / sum(exp(x)), over the keys"


@equation.register
def _(node: ops.WeightedSum) -> str:
    return f"{node.reads[0]} @ v, heads side by side"


@equation.register
def _(node: ops.FusedAttention) -> str:
    return "softmax(mask(q @ k.T / sqrt(D))) @ v, heads side by side"


@equation.register
def _(node: ops.Gelu) -> str:
    if node.exact:
        return "x / 2 * (1 + erf(x / sqrt(2)))"
    return "x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))"


@equation.register
def _(node: Attention) -> str:
    return "c_proj(softmax(mask(q @ k.T / sqrt(D))) @ v)"


@equation.register
def _(node: FeedForward) -> str:
    return "c_proj(act(c_fc(x)))"
