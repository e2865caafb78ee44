"""What a layer and a network have, before they are a tree: plans, made from a config by `gptcli.architecture.plan`."""

from typing import Literal

from msgspec import Struct

from gptcli.architecture.parts.rotary import Scaling
from gptcli.config import ModelConfig
from gptcli.config.model_config import Activation, Correction, NormPosition, NormScale, QKNorm, Router

TABLE, LOCAL_TABLE = TABLES = ("rotary", "rotary_local")  # the parts with the angles of rotation
Look = Literal["full", "window", "chunk"]


class AttentionPlan(Struct, frozen=True, kw_only=True):
    """What attention has beside its projections; the defaults are GPT-2's.

    Attributes:
        look: which earlier tokens are seen: all, those of a window, those of a chunk.
        table: the part of the network with the rotation's angles, or "" where nothing is rotated.
        partial: whether a part of a head's width is rotated alone.
        interleaved: whether neighbours are rotated together.
        reversed: whether rotation turns the other way.
        grouped: whether query, key and value stand apart: where they are normed, rotated, shared or cut.
        qk_norm: of queries and keys.
        qk_norm_after_rope: whether it follows the rotation.
        qk_norm_bias: whether it shifts.
        scale: of the scores, or None for one over the root of a head's width.
        softcap: of the scores, or 0.
        sinks: whether a learned number takes part in the softmax.
        clip: where projections are cut, or 0.
        alibi: the steepest slope's exponent, or 0 without ALiBi.
        alibi_scaled: whether slopes are scaled like scores.
        alibi_bf16: whether they are rounded.
        temperature_floor: of queries, or 0.
        temperature_scale: likewise.
        latent: whether keys and values are made from a latent.
        query_latent: whether queries are.
        latent_norm: whether latents are normed.
        latent_norm_eps: added in the roots of their norms.
    """

    look: Look = "full"
    table: str = ""
    partial: bool = False
    interleaved: bool = False
    reversed: bool = False
    grouped: bool = False
    qk_norm: QKNorm = "none"
    qk_norm_after_rope: bool = False
    qk_norm_bias: bool = False
    scale: float | None = None
    softcap: float = 0.0
    sinks: bool = False
    clip: float = 0.0
    alibi: float = 0.0
    alibi_scaled: bool = False
    alibi_bf16: bool = False
    temperature_floor: float = 0.0
    temperature_scale: float = 0.0
    latent: bool = False
    query_latent: bool = False
    latent_norm: bool = True
    latent_norm_eps: float = 1e-6


class ExpertsPlan(Struct, frozen=True, kw_only=True):
    """A mixture of experts.

    Attributes:
        router: how scores are made.
        renormalize: whether those of the chosen are divided by their sum.
        least: what that sum is at least.
        scale: what they are multiplied with.
        groups: of experts.
        top_groups: that a token visits.
        group_score: how many of its best experts make a group's score.
        correction: what is added for the choice alone.
        jitter: sparsemixer's.
        router_bias: whether the router has a bias.
        bias: whether experts have biases.
        limit: where gates and partners are cut, or 0.
        alpha: steepness of the sigmoid in a cut gate.
        shared: whether an expert that every token visits stands beside.
        shared_gate: whether it has a gate.
    """

    router: Router
    renormalize: bool
    least: float
    scale: float
    groups: int
    top_groups: int
    group_score: int
    correction: Correction
    jitter: float
    router_bias: bool
    bias: bool
    limit: float
    alpha: float
    shared: bool
    shared_gate: bool


class LayerPlan(Struct, frozen=True, kw_only=True):
    """Which parts a layer has.

    Attributes:
        norm: the kind of its norms.
        norm_eps: added in their roots.
        norm_bias: whether they shift.
        norm_scale: what they multiply with.
        norm_position: where they stand.
        qkv_bias: whether the projections to query, key and value have a bias.
        bias: whether the other linear layers have one.
        out_bias: whether attention's output projection has one; None for ``bias``.
        mlp_bias: whether the feed forward has; None for ``bias``.
        activation: of the feed forward, where it is no GELU.
        exact_gelu: whether GELU is the exact one, or its tanh form.
        gated: whether the feed forward multiplies with a gate.
        experts: a mixture in place of the feed forward.
        attention: what attention has.
        drop_rate: of every dropout.
        attention_drop_rate: of attention's shares; None for ``drop_rate``.
        lists_dropout: whether dropouts are listed at rate 0 too, as in the lecture.
        residual_scale: what a branch is multiplied with.
        sizes: axes whose size is the layer's own.
    """

    norm: str
    norm_eps: float
    norm_bias: bool
    norm_scale: NormScale = "weight"
    norm_position: NormPosition = "pre"
    qkv_bias: bool
    bias: bool
    out_bias: bool | None = None
    mlp_bias: bool | None = None
    activation: Activation | None = None
    exact_gelu: bool
    gated: bool = False
    experts: ExpertsPlan | None = None
    attention: AttentionPlan = AttentionPlan()
    drop_rate: float
    attention_drop_rate: float | None = None
    lists_dropout: bool = True
    residual_scale: float = 1.0
    sizes: tuple[tuple[str, int], ...] = ()


class TablePlan(Struct, frozen=True, kw_only=True):
    """A table of rotation: its name in the network, its frequencies' base, how it is stretched."""

    name: str
    base: float
    interleaved: bool
    scaling: Scaling


class Plan(Struct, frozen=True, kw_only=True):
    """A network by its layers' plans.

    Attributes:
        config: of the model.
        runs: plans that stand in a row, each with how often, and how often the whole comes again.
        final: the plan whose norm stands after the last layer.
        tied: whether the head is the token table.
        sizes: the value of every axis but B and T.
        tables: of rotation.
    """

    config: ModelConfig
    runs: tuple[tuple[tuple[tuple[LayerPlan, int], ...], int], ...]
    final: LayerPlan
    tied: bool
    sizes: dict[str, int]
    tables: tuple[TablePlan, ...] = ()
