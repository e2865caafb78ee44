"""The network as the lecture draws it: groups of operations whose field names are the module paths.

The order of the fields is the order of execution. Everything else in gptcli - the torch modules, the counts, the
memory ledger, the drawings - is derived from what stands here.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, Literal, get_args

from msgspec import Struct

from gptcli.architecture.operations import (
    Add,
    AttentionScores,
    CausalMask,
    Dropout,
    Embedding,
    FusedAttention,
    Gelu,
    LayerNorm,
    Linear,
    Operation,
    RMSNorm,
    Softmax,
    SplitHeads,
    WeightedSum,
)
from gptcli.architecture.symbols import ONE, B, C, D, Dim, F, H, L, S, T, V
from gptcli.config import ModelConfig

AttentionPath = Literal["sdpa", "explicit"]


def attention_path(name: str) -> AttentionPath:
    """Return the path of attention of that name.

    Raises:
        NotImplementedError: there is none.
    """
    found: AttentionPath | None = next((path for path in get_args(AttentionPath) if path == name), None)
    if found is None:
        raise NotImplementedError(name)
    return found


class Group(Struct, frozen=True, kw_only=True):
    """Operations that belong together; its output is that of its last one."""

    kind: ClassVar[str]
    label: str
    reads: tuple[str, ...] = ("x",)

    def children(self) -> Iterator[tuple[str, "Node"]]:
        """Yield name and node of each part, in order of execution."""
        for name in self.__struct_fields__:
            node = getattr(self, name)
            if isinstance(node, Operation | Group | Repeat):
                yield name, node


class Repeat(Struct, frozen=True, kw_only=True):
    """A group that stands ``times`` times in a row with weights of its own, described once."""

    times: Dim
    body: Group
    reads: tuple[str, ...]


Node = Operation | Group | Repeat
Norm = LayerNorm | RMSNorm


class Attention(Group, frozen=True, kw_only=True):
    """Masked multi-head attention; on the fused path ``mix`` does the work of the four steps that are None."""

    kind: ClassVar[str] = "attention"
    c_attn: Linear
    heads: SplitHeads
    scores: AttentionScores | None
    mask: CausalMask | None
    softmax: Softmax | None
    drop: Dropout | None
    mix: WeightedSum | FusedAttention
    c_proj: Linear


class FeedForward(Group, frozen=True, kw_only=True):
    """Two linear layers with GELU between them."""

    kind: ClassVar[str] = "feed_forward"
    c_fc: Linear
    act: Gelu
    c_proj: Linear


class Block(Group, frozen=True, kw_only=True):
    """The lecture's eight steps."""

    kind: ClassVar[str] = "block"
    ln_1: Norm
    attn: Attention
    drop_1: Dropout
    add_1: Add
    ln_2: Norm
    mlp: FeedForward
    drop_2: Dropout
    add_2: Add


class Network(Group, frozen=True, kw_only=True):
    """Token ids to logits."""

    kind: ClassVar[str] = "network"
    config: ModelConfig
    wte: Embedding
    wpe: Embedding
    embed: Add
    drop: Dropout
    h: Repeat
    ln_f: Norm
    lm_head: Linear


def describe(config: ModelConfig, attention: AttentionPath = "explicit") -> Network:
    """Describe the GPT-2-style network of a config.

    Args:
        config: a checked config.
        attention: ``explicit`` lists scores, mask, softmax and weighted sum; ``sdpa`` has one fused step.

    Raises:
        NotImplementedError: an unknown path of attention.
    """
    stream = (B, T, C)
    norm, norm_words = _norm(config), _NORM_WORDS[config.norm]
    block = Block(
        label="Transformer block",
        ln_1=norm(label=f"{_capital(norm_words)} 1"),
        attn=_attention(config, attention, reads="ln_1"),
        drop_1=Dropout(label="Dropout", reads=("attn",), shape=stream, rate=config.drop_rate),
        add_1=Add(label="Shortcut connection", reads=("x", "drop_1"), shape=stream),
        ln_2=norm(label=f"{_capital(norm_words)} 2", reads=("add_1",)),
        mlp=_feed_forward(config, reads="ln_2"),
        drop_2=Dropout(label="Dropout", reads=("mlp",), shape=stream, rate=config.drop_rate),
        add_2=Add(label="Shortcut connection", reads=("add_1", "drop_2"), shape=stream),
    )
    return Network(
        label="GPT",
        config=config,
        wte=Embedding(label="Token embedding", reads=("ids",), shape=stream, rows=V, width=C),
        wpe=Embedding(label="Positional embedding", reads=("positions",), shape=(T, C), rows=S, width=C),
        embed=Add(label="Token + positional embedding", reads=("wte", "wpe"), shape=stream),
        drop=Dropout(label="Dropout", reads=("embed",), shape=stream, rate=config.drop_rate),
        h=Repeat(times=L, body=block, reads=("drop",)),
        ln_f=norm(label=f"Final {norm_words}", reads=("h",)),
        lm_head=Linear(
            label="Output head",
            reads=("ln_f",),
            shape=(B, T, V),
            inputs=C,
            outputs=V,
            bias=False,
            tied_to="wte.weight" if config.weight_tying else None,
        ),
    )


_NORM_WORDS = {"layer_norm": "layer norm", "rms_norm": "RMSNorm"}


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def _norm(config: ModelConfig) -> Callable[..., Norm]:
    """Return what makes a norm of the stream; its words and what it reads are still to be said."""
    if config.norm == "rms_norm":
        return partial(RMSNorm, shape=(B, T, C), features=C, eps=config.norm_eps)
    return partial(LayerNorm, shape=(B, T, C), features=C, eps=config.norm_eps, bias=config.bias)


def _attention(config: ModelConfig, path: AttentionPath, reads: str) -> Attention:
    explicit = attention_path(path) == "explicit"
    square = (B, H, T, T)
    mixed = (B, T, C)
    fused = FusedAttention(label="Scaled dot-product attention", reads=("heads",), shape=mixed, rate=config.drop_rate)
    return Attention(
        label="Masked multi-head attention",
        reads=(reads,),
        c_attn=Linear(
            label="Query, key, value", shape=(B, T, 3 * C), inputs=C, outputs=3 * C, bias=config.qkv_bias, fused=3
        ),
        heads=SplitHeads(label="Split into heads", reads=("c_attn",), shape=(3 * ONE, B, H, T, D)),
        scores=AttentionScores(label="Attention scores", reads=("heads",), shape=square) if explicit else None,
        mask=CausalMask(label="Causal mask", reads=("scores",), shape=square) if explicit else None,
        softmax=Softmax(label="Softmax", reads=("mask",), shape=square) if explicit else None,
        drop=Dropout(label="Dropout", reads=("softmax",), shape=square, rate=config.drop_rate) if explicit else None,
        mix=WeightedSum(label="Weighted sum of values", reads=("drop", "heads"), shape=mixed) if explicit else fused,
        c_proj=Linear(
            label="Output projection",
            reads=("mix",),
            shape=mixed,
            inputs=C,
            outputs=C,
            bias=config.bias,
            to_residual=True,
        ),
    )


def _feed_forward(config: ModelConfig, reads: str) -> FeedForward:
    return FeedForward(
        label="Feed forward",
        reads=(reads,),
        c_fc=Linear(label="Expand", shape=(B, T, F), inputs=C, outputs=F, bias=config.bias),
        act=Gelu(label="GELU", reads=("c_fc",), shape=(B, T, F), exact=config.activation == "gelu"),
        c_proj=Linear(
            label="Project back",
            reads=("act",),
            shape=(B, T, C),
            inputs=F,
            outputs=C,
            bias=config.bias,
            to_residual=True,
        ),
    )
