"""From a config to the tree: the only reader of a config's keys.

A config says for each layer which parts it has (`LayerPlan`), and from those plans the tree is built.
"""

from collections.abc import Callable
from functools import cache, partial

from msgspec import Struct

from gptcli.architecture.axes import B, C, D, F, G, H, S, T, V, number
from gptcli.architecture.network import (
    AttentionPath,
    Group,
    Layer,
    Network,
    Node,
    Run,
    Stack,
    attention_path,
)
from gptcli.architecture.parts.add import Add
from gptcli.architecture.parts.attention import AttentionScores, CausalMask, Softmax, SplitHeads, WeightedSum
from gptcli.architecture.parts.dropout import Dropout
from gptcli.architecture.parts.embedding import Embedding
from gptcli.architecture.parts.fused_attention import FusedAttention
from gptcli.architecture.parts.gelu import Gelu
from gptcli.architecture.parts.layer_norm import LayerNorm
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.parts.part import Part, part_kind
from gptcli.architecture.parts.rms_norm import RMSNorm
from gptcli.architecture.roles import (
    FINAL_NORM,
    HEAD,
    POSITION_TABLE,
    QUERY_KEY_VALUE,
    TO_RESIDUAL,
    TOKEN_TABLE,
    Role,
)
from gptcli.config import ModelConfig

_FEED_FORWARD_FACTOR = 4  # Radford et al. 2019, GPT-2's n_inner
_STREAM = (B, T, C)


class LayerPlan(Struct, frozen=True, kw_only=True):
    """Which parts a layer has.

    Attributes:
        norm: the kind of its norms.
        norm_eps: added in their roots.
        norm_bias: whether they shift.
        qkv_bias: whether the projections to query, key and value have a bias.
        bias: whether the other linear layers have one.
        exact_gelu: whether GELU is the exact one, or its tanh form.
        drop_rate: of every dropout.
        sizes: axes whose size is the layer's own.
    """

    norm: str
    norm_eps: float
    norm_bias: bool
    qkv_bias: bool
    bias: bool
    exact_gelu: bool
    drop_rate: float
    sizes: tuple[tuple[str, int], ...] = ()


class Plan(Struct, frozen=True, kw_only=True):
    """A network by its layers' plans.

    Attributes:
        config: of the model.
        runs: plans that stand in a row, each with how often, and how often the whole comes again.
        final: the plan whose norm stands after the last layer.
        tied: whether the head is the token table.
        sizes: the value of every axis but B and T.
    """

    config: ModelConfig
    runs: tuple[tuple[tuple[tuple[LayerPlan, int], ...], int], ...]
    final: LayerPlan
    tied: bool
    sizes: dict[str, int]


def plan_of(config: ModelConfig) -> Plan:
    """Return the plan of a config: GPT-2's, with one kind of layer."""
    layer = LayerPlan(
        norm=config.norm,
        norm_eps=config.norm_eps,
        norm_bias=config.bias,
        qkv_bias=config.qkv_bias,
        bias=config.bias,
        exact_gelu=config.activation == "gelu",
        drop_rate=config.drop_rate,
    )
    runs = ((((layer, 1),), config.n_layers),)
    return Plan(config=config, runs=runs, final=layer, tied=config.weight_tying, sizes=sizes_of(config))


def sizes_of(config: ModelConfig, batch: int | None = None, tokens: int | None = None) -> dict[str, int]:
    """Return the value of each axis; ``B`` and ``T`` only where they are given."""
    sizes = {
        "C": config.emb_dim,
        "H": config.n_heads,
        "G": config.n_heads,
        "D": config.emb_dim // config.n_heads,
        "F": _FEED_FORWARD_FACTOR * config.emb_dim,
        "V": config.vocab_size,
        "L": config.n_layers,
        "S": config.context_length,
    }
    given = {"B": batch, "T": tokens}
    return {**sizes, **{symbol: value for symbol, value in given.items() if value is not None}}


def describe(config: ModelConfig, attention: AttentionPath = "explicit") -> Network:
    """Describe the network of a config.

    Args:
        config: a checked config.
        attention: ``explicit`` lists scores, mask, softmax and weighted sum; ``sdpa`` has one fused step.

    Raises:
        NotImplementedError: an unknown path of attention.
    """
    return build(plan_of(config), attention)


@cache
def reference() -> Network:
    """Return a network that has every weight which a described network can have, each as small as can be."""
    return describe(
        ModelConfig(vocab_size=1, context_length=1, emb_dim=1, n_heads=1, n_layers=1, bias=True, qkv_bias=True)
    )


def build(plan: Plan, attention: AttentionPath = "explicit") -> Network:
    """Build the tree of a plan; raises as `describe`."""
    path = attention_path(attention)
    for period, _ in plan.runs:
        for layer, _ in period:
            sizes = {**plan.sizes, **dict(layer.sizes)}
            if sizes["G"] != sizes["H"]:
                raise NotImplementedError(f"{sizes['G']} key and value heads for {sizes['H']} query heads")
    embedded = "wte"
    runs = tuple(Run(tuple((_layer(each, path), n) for each, n in period), times) for period, times in plan.runs)
    drop_rate = plan.final.drop_rate
    tokens = Embedding(label="Token embedding", reads=("ids",), shape=_STREAM, rows=V, width=C, role=TOKEN_TABLE)
    positions = Embedding(
        label="Positional embedding", reads=("positions",), shape=(T, C), rows=S, width=C, role=POSITION_TABLE
    )
    return Network(
        kind="network",
        label="GPT",
        config=plan.config,
        attention=path,
        sizes=plan.sizes,
        make=partial(_other, plan),
        parts=(
            (embedded, tokens),
            ("wpe", positions),
            ("embed", Add(label="Token + positional embedding", reads=(embedded, "wpe"), shape=_STREAM)),
            ("drop", Dropout(label="Dropout", reads=("embed",), shape=_STREAM, rate=drop_rate)),
            ("h", Stack(runs=runs, reads=("drop",))),
            ("ln_f", _norm(plan.final, "final {}", "h", FINAL_NORM)),
            (
                "lm_head",
                Linear(
                    label="Output head",
                    reads=("ln_f",),
                    shape=(B, T, V),
                    inputs=C,
                    outputs=(V,),
                    bias=False,
                    tied_to=f"{embedded}.weight" if plan.tied else None,
                    role=HEAD,
                ),
            ),
        ),
    )


def _other(plan: Plan, config: ModelConfig, attention: AttentionPath) -> Network:
    """Return the network of a config: of a plan's own config, that of the plan."""
    return build(plan if config == plan.config else plan_of(config), attention)


def _layer(plan: LayerPlan, attention: AttentionPath) -> Layer:
    """The lecture's eight steps."""
    dropout = partial(Dropout, label="Dropout", shape=_STREAM, rate=plan.drop_rate)
    shortcut = partial(Add, label="Shortcut connection", shape=_STREAM)
    parts: tuple[tuple[str, Node], ...] = (
        ("ln_1", _norm(plan, "{} 1", "x")),
        ("attn", _attention(plan, attention, "ln_1")),
        ("drop_1", dropout(reads=("attn",))),
        ("add_1", shortcut(reads=("x", "drop_1"))),
        ("ln_2", _norm(plan, "{} 2", "add_1")),
        ("mlp", _feed_forward(plan, "ln_2")),
        ("drop_2", dropout(reads=("mlp",))),
        ("add_2", shortcut(reads=("add_1", "drop_2"))),
    )
    return Layer(Group(kind="block", label="Transformer block", parts=parts), plan.sizes)


def _norm(plan: LayerPlan, label: str, reads: str, role: Role | None = None) -> Part:
    """Return a norm of the residual stream; ``{}`` in its label is what people call its kind."""
    norms: dict[str, Callable[..., Part]] = {
        "layer_norm": partial(LayerNorm, bias=plan.norm_bias),
        "rms_norm": RMSNorm,
    }
    words = label.format(part_kind(plan.norm).called)
    words = words[0].upper() + words[1:]
    return norms[plan.norm](label=words, reads=(reads,), shape=_STREAM, features=C, eps=plan.norm_eps, role=role)


def _attention(plan: LayerPlan, path: AttentionPath, reads: str) -> Group:
    projections = (H * D, G * D, G * D)
    parts: tuple[tuple[str, Node], ...] = (
        (
            "c_attn",
            Linear(
                label="Query, key, value",
                shape=(B, T, H * D + 2 * (G * D)),
                inputs=C,
                outputs=projections,
                bias=plan.qkv_bias,
                role=QUERY_KEY_VALUE,
            ),
        ),
        ("heads", SplitHeads(label="Split into heads", reads=("c_attn",), shape=(number(3), B, H, T, D))),
        *(_explicit_steps(plan) if path == "explicit" else _fused_step(plan)),
        (
            "c_proj",
            Linear(
                label="Output projection",
                reads=("mix",),
                shape=_STREAM,
                inputs=H * D,
                outputs=(C,),
                bias=plan.bias,
                role=TO_RESIDUAL,
            ),
        ),
    )
    return Group(
        kind="attention",
        label="Masked multi-head attention",
        computes="c_proj(softmax(mask(q @ k.T / sqrt(D))) @ v)",
        reads=(reads,),
        parts=parts,
    )


def _explicit_steps(plan: LayerPlan) -> tuple[tuple[str, Node], ...]:
    square = (B, H, T, T)
    return (
        ("scores", AttentionScores(label="Attention scores", reads=("heads",), shape=square)),
        ("mask", CausalMask(label="Causal mask", reads=("scores",), shape=square)),
        ("softmax", Softmax(label="Softmax", reads=("mask",), shape=square)),
        ("drop", Dropout(label="Dropout", reads=("softmax",), shape=square, rate=plan.drop_rate)),
        ("mix", WeightedSum(label="Weighted sum of values", reads=("drop", "heads"), shape=(B, T, H * D))),
    )


def _fused_step(plan: LayerPlan) -> tuple[tuple[str, Node], ...]:
    mixed = (B, T, H * D)
    fused = FusedAttention(label="Scaled dot-product attention", reads=("heads",), shape=mixed, rate=plan.drop_rate)
    return (("mix", fused),)


def _feed_forward(plan: LayerPlan, reads: str) -> Group:
    return Group(
        kind="feed_forward",
        label="Feed forward",
        computes="c_proj(act(c_fc(x)))",
        reads=(reads,),
        parts=(
            ("c_fc", Linear(label="Expand", shape=(B, T, F), inputs=C, outputs=(F,), bias=plan.bias)),
            ("act", Gelu(label="GELU", reads=("c_fc",), shape=(B, T, F), exact=plan.exact_gelu)),
            (
                "c_proj",
                Linear(
                    label="Project back",
                    reads=("act",),
                    shape=_STREAM,
                    inputs=F,
                    outputs=(C,),
                    bias=plan.bias,
                    role=TO_RESIDUAL,
                ),
            ),
        ),
    )
