"""The description executed as it stands: each step computed from what it says that it reads.

`gptcli.model.gpt` takes sizes and choices from the description and has the wiring written out. What the description
says of the wiring itself - which the memory's books and the drawings go by - is held here.
"""

from collections.abc import Mapping, Sequence
from functools import singledispatch

import torch
from msgspec import Struct
from torch import Tensor
from torch.nn import functional as F

from gptcli.architecture import Network, Sizes, Step, shape_sizes, shared_path, steps, walk
from gptcli.architecture import operations as ops
from gptcli.architecture.network import Group

Weights = Mapping[str, Tensor]


class Given(Struct, frozen=True):
    """What an operation is executed with: its own weights, the network's sizes, whether dropout drops."""

    weights: Weights
    sizes: Sizes
    training: bool


def described_logits(network: Network, sizes: Sizes, weights: Weights, ids: Tensor, *, training: bool) -> Tensor:
    """Execute the described steps in order.

    Args:
        network: the description.
        sizes: of the network and of ids.
        weights: every weight that is not tied, by its described path.
        ids: (B, T).
        training: whether dropout drops; it draws from torch's global generator.

    Returns:
        The output of the last step, (B, T, V).

    Raises:
        RuntimeError: a weight or a value is of another shape than described, or shapes do not fit each other.
        KeyError: a weight that is not there, or a step that reads one that comes later.
    """
    nodes = {path: node for path, node, _ in walk(network)}
    values: dict[str, Tensor] = {"ids": ids, "positions": torch.arange(ids.shape[-1])}
    last = ids
    for step in steps(network, sizes):
        node = nodes[shared_path(step)]
        if isinstance(node, Group):  # its last part has computed it
            last = values[f"{step.path}.{[name for name, _ in node.children()][-1]}"]
        else:
            given = Given(_own_weights(step, node, weights), sizes, training)
            _check_shapes(step, node, given)
            last = execute(node, [values[read] for read in step.reads], given)
        if tuple(last.shape) != shape_sizes(step.shape, sizes):
            raise RuntimeError(f"{step.path} gives {tuple(last.shape)}, described is {shape_sizes(step.shape, sizes)}")
        values[step.path] = last
    return last


def _own_weights(step: Step, node: ops.Operation, weights: Weights) -> Weights:
    tied_to = node.tied_to if isinstance(node, ops.Linear) else None
    paths = {name: f"{step.path}.{name}" for name in node.weights()} | ({"weight": tied_to} if tied_to else {})
    return {name: weights[path] for name, path in paths.items()}


def _check_shapes(step: Step, node: ops.Operation, given: Given) -> None:
    for name, shape in node.weights().items():
        expected, found = shape_sizes(shape, given.sizes), tuple(given.weights[name].shape)
        if found != expected:
            raise RuntimeError(f"{step.path}.{name} is {found}, described is {expected}")


@singledispatch
def execute(node: ops.Operation, reads: Sequence[Tensor], given: Given) -> Tensor:
    """Compute one operation from the tensors that it reads.

    Raises:
        NotImplementedError: no rule for this kind.
    """
    raise NotImplementedError(node.kind)


@execute.register
def _(node: ops.Embedding, reads: Sequence[Tensor], given: Given) -> Tensor:
    return F.embedding(reads[0], given.weights["weight"])


@execute.register
def _(node: ops.Add, reads: Sequence[Tensor], given: Given) -> Tensor:
    return reads[0] + reads[1]


@execute.register
def _(node: ops.Dropout, reads: Sequence[Tensor], given: Given) -> Tensor:
    return F.dropout(reads[0], node.rate, given.training)


@execute.register
def _(node: ops.LayerNorm, reads: Sequence[Tensor], given: Given) -> Tensor:
    weight = given.weights["weight"]
    return F.layer_norm(reads[0], weight.shape, weight, given.weights.get("bias"), node.eps)


@execute.register
def _(node: ops.RMSNorm, reads: Sequence[Tensor], given: Given) -> Tensor:
    weight = given.weights["weight"]
    return F.rms_norm(reads[0], weight.shape, weight, node.eps)


@execute.register
def _(node: ops.Linear, reads: Sequence[Tensor], given: Given) -> Tensor:
    return F.linear(reads[0], given.weights["weight"], given.weights.get("bias"))


@execute.register
def _(node: ops.SplitHeads, reads: Sequence[Tensor], given: Given) -> Tensor:
    parts, _, heads, _, width = shape_sizes(node.shape, given.sizes)
    qkv = reads[0]
    return qkv.view(*qkv.shape[:-1], parts, heads, width).permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)


@execute.register
def _(node: ops.AttentionScores, reads: Sequence[Tensor], given: Given) -> Tensor:
    q, k, _ = reads[0]
    scores: Tensor = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (B, H, T, T)
    return scores


@execute.register
def _(node: ops.CausalMask, reads: Sequence[Tensor], given: Given) -> Tensor:
    later = torch.ones(reads[0].shape[-2:], dtype=torch.bool).triu(1)
    return reads[0].masked_fill(later, float("-inf"))


@execute.register
def _(node: ops.Softmax, reads: Sequence[Tensor], given: Given) -> Tensor:
    return reads[0].softmax(dim=-1)


@execute.register
def _(node: ops.WeightedSum, reads: Sequence[Tensor], given: Given) -> Tensor:
    attention, (_, _, v) = reads
    mixed: Tensor = (attention @ v).transpose(1, 2).flatten(2)  # (B, T, C)
    return mixed


@execute.register
def _(node: ops.FusedAttention, reads: Sequence[Tensor], given: Given) -> Tensor:
    q, k, v = reads[0]
    rate = node.rate if given.training else 0.0
    return F.scaled_dot_product_attention(q, k, v, dropout_p=rate, is_causal=True).transpose(1, 2).flatten(2)


@execute.register
def _(node: ops.Gelu, reads: Sequence[Tensor], given: Given) -> Tensor:
    return F.gelu(reads[0], approximate="none" if node.exact else "tanh")
