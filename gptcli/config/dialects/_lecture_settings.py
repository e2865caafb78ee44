"""A config of ours written as the dictionaries that the lecture's author passes to his models after GPT-2.

His classes take what they need from a dictionary, so one with every key serves all of them.
"""

from gptcli.config.model_config import ModelConfig
from gptcli.config.pattern import CHUNKS, WINDOWS, letters

_WORDS = {**dict.fromkeys(WINDOWS, "sliding_attention"), **dict.fromkeys(CHUNKS, "chunked_attention")}
_FEED_FORWARD_FACTOR = 4


def dictionary(config: ModelConfig) -> dict[str, object]:
    """Return a dictionary with the keys of all his models; a dtype is for its user to add."""
    width = config.head_dim or config.emb_dim // config.n_heads
    groups = config.n_kv_groups or config.n_heads
    kinds = [_kinds(config)[layer % len(_kinds(config))] for layer in range(config.n_layers)]
    return {
        "vocab_size": config.vocab_size,
        "context_length": config.context_length,
        "emb_dim": config.emb_dim,
        "n_heads": config.n_heads,
        "n_layers": config.n_layers,
        "hidden_dim": config.hidden_dim or _FEED_FORWARD_FACTOR * config.emb_dim,
        "n_kv_groups": groups,
        "n_kv_heads": groups,
        "head_dim": width,
        "qk_norm": config.qk_norm != "none",
        "qkv_bias": config.qkv_bias,
        "attention_bias": config.qkv_bias,
        "drop_rate": config.drop_rate,
        "attention_dropout": config.drop_rate if config.attention_drop_rate is None else config.attention_drop_rate,
        "rms_norm_eps": config.norm_eps,
        "layer_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.weight_tying,
        **_rotation(config),
        "sliding_window": config.sliding_window,
        "sliding_window_size": config.sliding_window,
        "sliding_window_stride": _stride(kinds),
        "layer_types": [_WORDS.get(kind, "full_attention") for kind in kinds],
        "query_pre_attn_scalar": _scalar(config),
        "logit_scale": config.logit_scale,
        "latent_dim": config.kv_lora_rank,
        "num_experts": config.num_experts,
        "num_experts_per_tok": config.num_experts_per_tok,
        "moe_intermediate_size": config.moe_hidden_dim or config.hidden_dim,
    }


def _rotation(config: ModelConfig) -> dict[str, object]:
    original = config.rope_original_length or config.context_length
    scaled = {
        "factor": config.rope_factor,
        "low_freq_factor": config.rope_low_freq_factor,
        "high_freq_factor": config.rope_high_freq_factor,
        "original_context_length": original,
    }
    return {
        "rope_base": config.rope_base,
        "rope_local_base": config.rope_local_base or config.rope_base,
        "rope_freq": scaled if config.rope_scaling == "llama3" else None,
        "rope_type": config.rope_scaling,
        "rope_factor": config.rope_factor,
        "rope_orig_max": original,
        "rope_attention_factor": 1.0 if config.rope_attention_factor is None else config.rope_attention_factor,
        "beta_fast": config.rope_beta_fast,
        "beta_slow": config.rope_beta_slow,
    }


def _kinds(config: ModelConfig) -> str:
    return letters(config.layer_pattern, config.n_layers)


def _stride(kinds: list[str]) -> int:
    """Return how many windows stand before a full layer; -1 where there is none."""
    full = [place for place, kind in enumerate(kinds) if kind not in _WORDS]
    return full[0] if full else -1


def _scalar(config: ModelConfig) -> float | None:
    """Return what scores are divided by the root of, where that is not the width of a head."""
    if config.attention_scale is None:
        return None
    exact = config.attention_scale**-2
    near = round(exact)
    return near if abs(exact - near) < 1e-9 * exact else exact  # 1 / sqrt(256) leads back to 256
