"""From a config to plans: the only reader of a config's keys.

A config says for each layer which parts it has (`LayerPlan`); `gptcli.architecture.wiring` builds the tree from those.
"""

from functools import cache, partial

from gptcli.architecture.layer_plan import (
    LOCAL_TABLE,
    TABLE,
    AttentionPlan,
    ExpertsPlan,
    LayerPlan,
    Look,
    Plan,
    TablePlan,
)
from gptcli.architecture.network import AttentionPath, Network, attention_path
from gptcli.architecture.parts.rotary import Scaling
from gptcli.architecture.patterns import runs_of
from gptcli.architecture.wiring.network import tree
from gptcli.config import ModelConfig
from gptcli.config.pattern import CHUNKS, UNPLACED, WINDOWS

__all__ = ["LayerPlan", "Plan", "build", "describe", "plan_of", "reference", "sizes_of"]

_FEED_FORWARD_FACTOR = 4  # Radford et al. 2019, GPT-2's n_inner
_LOOKS: dict[str, Look] = {"F": "full", "N": "full", "L": "window", "M": "window", "C": "chunk", "O": "chunk"}


def plan_of(config: ModelConfig) -> Plan:
    """Return the plan of a config."""
    patterns = [config.layer_pattern, config.expert_pattern if config.num_experts else "D"]
    runs = runs_of(patterns, config.n_layers, partial(_layer, config))
    return Plan(
        config=config,
        runs=runs,
        final=runs[-1][0][-1][0],
        tied=config.weight_tying,
        sizes=sizes_of(config),
        tables=_tables(config),
    )


def sizes_of(config: ModelConfig, batch: int | None = None, tokens: int | None = None) -> dict[str, int]:
    """Return the value of each axis that the network has; ``B`` and ``T`` only where they are given."""
    width = config.head_dim or config.emb_dim // config.n_heads
    hidden = config.hidden_dim or _FEED_FORWARD_FACTOR * config.emb_dim
    sizes = {
        "C": config.emb_dim,
        "H": config.n_heads,
        "G": config.n_kv_groups or config.n_heads,
        "D": width,
        "F": hidden,
        "V": config.vocab_size,
        "L": config.n_layers,
        "S": config.context_length,
    }
    if config.kv_lora_rank:
        sizes["G"] = config.n_heads
        sizes |= {"P": config.qk_nope_head_dim, "J": config.kv_lora_rank, "U": config.v_head_dim or width}
        if config.q_lora_rank:
            sizes["Q"] = config.q_lora_rank
    if config.positions == "rotary":
        sizes["R"] = config.qk_rope_head_dim if config.kv_lora_rank else int(width * config.rope_fraction)
    elif config.kv_lora_rank:
        sizes["R"] = config.qk_rope_head_dim
    if config.num_experts:
        sizes |= {"E": config.num_experts, "A": config.num_experts_per_tok, "M": config.moe_hidden_dim or hidden}
        if config.shared_hidden_dim:
            sizes["Y"] = config.shared_hidden_dim
    looks = set(config.layer_pattern)
    window = config.sliding_window if looks & WINDOWS else config.attention_chunk
    if window and looks & (WINDOWS | CHUNKS):
        sizes["W"] = window
    if config.embedding_width:
        sizes["I"] = config.embedding_width
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
    """Return a network that has every weight which GPT-2 can have, each as small as can be."""
    return describe(
        ModelConfig(vocab_size=1, context_length=1, emb_dim=1, n_heads=1, n_layers=1, bias=True, qkv_bias=True)
    )


def build(plan: Plan, attention: AttentionPath = "explicit") -> Network:
    """Build the tree of a plan; raises as `describe`."""
    return tree(plan, attention_path(attention), partial(_other, plan))


def _other(plan: Plan, config: ModelConfig, attention: AttentionPath) -> Network:
    """Return the network of a config: of a plan's own config, that of the plan."""
    return build(plan if config == plan.config else plan_of(config), attention)


def _layer(config: ModelConfig, attends: str, feeds: str) -> LayerPlan:
    """Return the plan of a layer, by its letters in the two patterns."""
    gelu = config.activation in ("gelu", "gelu_tanh")
    norm_bias = config.bias if config.norm_bias is None else config.norm_bias
    return LayerPlan(
        norm=config.norm,
        norm_eps=config.norm_eps,
        norm_bias=norm_bias,
        norm_scale=config.norm_scale,
        norm_position=config.norm_position,
        qkv_bias=config.qkv_bias,
        bias=config.bias,
        out_bias=config.out_bias,
        mlp_bias=config.mlp_bias,
        activation=None if gelu else config.activation,
        exact_gelu=config.activation == "gelu",
        gated=config.gated,
        experts=_experts(config) if feeds == "E" else None,
        attention=_attention(config, attends, norm_bias=norm_bias),
        drop_rate=config.drop_rate,
        attention_drop_rate=config.attention_drop_rate,
        lists_dropout=config.positions == "learned" and not config.gated,
        residual_scale=config.residual_scale,
    )


def _attention(config: ModelConfig, letter: str, *, norm_bias: bool) -> AttentionPlan:
    rotated = config.positions == "rotary" and letter not in UNPLACED
    local = letter in "LC" and _has_two_tables(config)
    shared = config.n_kv_groups not in (None, config.n_heads)
    width = config.head_dim or config.emb_dim // config.n_heads
    qk_norm = config.qk_norm if config.qk_norm != "unscaled" or rotated else "none"
    tempered = letter in UNPLACED and config.temperature_floor > 0
    cut = config.clip_qkv > 0
    return AttentionPlan(
        look=_LOOKS[letter],
        table=(LOCAL_TABLE if local else TABLE) if rotated else "",
        partial=not config.kv_lora_rank and int(width * config.rope_fraction) != width,
        interleaved=config.rope_interleaved,
        reversed=config.rope_reversed,
        grouped=rotated or shared or qk_norm != "none" or cut or tempered,
        qk_norm=qk_norm,
        qk_norm_after_rope=config.qk_norm_after_rope,
        qk_norm_bias=norm_bias if config.qk_norm_bias is None else config.qk_norm_bias,
        scale=_scale(config),
        softcap=config.attention_softcap,
        sinks=config.attention_sinks,
        clip=config.clip_qkv,
        alibi=config.alibi_max if config.positions == "alibi" else 0.0,
        alibi_scaled=config.alibi_scaled,
        alibi_bf16=config.alibi_bf16,
        temperature_floor=config.temperature_floor if tempered else 0.0,
        temperature_scale=config.temperature_scale,
        latent=config.kv_lora_rank is not None,
        query_latent=config.q_lora_rank is not None,
        latent_norm=config.latent_norm,
        latent_norm_eps=config.latent_norm_eps,
    )


def _scale(config: ModelConfig) -> float | None:
    """Return what scores are multiplied with, where that is not one over the root of a head's width."""
    if config.attention_scale is not None or not config.kv_lora_rank:
        return config.attention_scale
    if config.rope_scaling != "yarn" or not config.rope_mscale_all_dim or config.rope_factor <= 1:
        return None
    from math import log

    stretched = 0.1 * config.rope_mscale_all_dim * log(config.rope_factor) + 1  # Peng et al. 2023, section 3.4
    return float((config.qk_nope_head_dim + config.qk_rope_head_dim) ** -0.5 * stretched**2)


def _experts(config: ModelConfig) -> ExpertsPlan:
    return ExpertsPlan(
        router=config.router,
        renormalize=config.router_renormalize,
        least=config.router_norm_min,
        scale=config.router_scale,
        groups=config.router_groups,
        top_groups=config.router_top_groups,
        group_score=config.router_group_score,
        correction=config.router_correction,
        jitter=config.router_jitter,
        router_bias=config.router_bias,
        bias=config.expert_bias,
        limit=config.glu_limit,
        alpha=config.glu_alpha,
        shared=config.shared_hidden_dim > 0,
        shared_gate=config.shared_gate,
    )


def _tables(config: ModelConfig) -> tuple[TablePlan, ...]:
    """Return the tables of rotation: one, and one for local layers where theirs differs."""
    if config.positions != "rotary":
        return ()
    whole = TablePlan(
        name=TABLE,
        base=config.rope_base,
        interleaved=config.rope_interleaved,
        scaling=_scaling(config) if config.rope_scaled_layers != "local" else Scaling(),
    )
    looks = set(config.layer_pattern)
    split = _has_two_tables(config)
    local = TablePlan(
        name=LOCAL_TABLE,
        base=config.rope_local_base or config.rope_base,
        interleaved=config.rope_interleaved,
        scaling=_scaling(config) if config.rope_scaled_layers != "full" else Scaling(),
    )
    tables = [whole] if "F" in looks or not split else []
    return (*tables, *([local] if split and looks & {"L", "C"} else []))


def _has_two_tables(config: ModelConfig) -> bool:
    """Return whether local layers are rotated otherwise than full ones."""
    return config.rope_local_base is not None or config.rope_scaled_layers != "all"


def _scaling(config: ModelConfig) -> Scaling:
    if config.rope_scaling == "none":
        return Scaling()
    return Scaling(
        kind=config.rope_scaling,
        factor=config.rope_factor,
        original=config.rope_original_length or config.context_length,
        longest=config.context_length,
        low_freq_factor=config.rope_low_freq_factor,
        high_freq_factor=config.rope_high_freq_factor,
        beta_fast=config.rope_beta_fast,
        beta_slow=config.rope_beta_slow,
        truncate=config.rope_truncate,
        mscale=config.rope_mscale,
        mscale_all_dim=config.rope_mscale_all_dim,
        attention_factor=config.rope_attention_factor,
        short_factors=_numbers(config.rope_short_factors),
        long_factors=_numbers(config.rope_long_factors),
    )


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(each) for each in text.split(",")) if text else ()
