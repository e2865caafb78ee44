"""MPT (MosaicML 2023): ALiBi, no biases at all, most of attention's settings in a mapping of their own."""

from gptcli.config.dialects.huggingface._family import Family, reads
from gptcli.config.dialects.huggingface._fixed import always
from gptcli.config.dialects.huggingface._settings import Settings

# What transformers computes whatever the mapping says.
_ALWAYS = {
    "attn_type": "multihead_attention", "qk_ln": False, "prefix_lm": False, "attn_uses_sequence_id": False,
    "alibi": True, "alibi_bias_max": 8,
}  # fmt: skip
_READ = {"attn_pdrop", "clip_qkv", "softmax_scale", "attn_impl", *_ALWAYS}


@reads("attn_config")
def attention(has: Settings) -> dict[str, object]:
    """Scale, limits and dropout; what transformers does not compute otherwise is refused."""
    said = has.mapping("attn_config") or {}
    for key, usual in _ALWAYS.items():
        if said.get(key, usual) != usual:
            raise has.refused("attn_config", f"but its {key} is {said[key]!r}, and transformers builds {usual!r} alone")
    rate, cut, scale = (said.get(key) or 0.0 for key in ("attn_pdrop", "clip_qkv", "softmax_scale"))
    return {"drop_rate": rate, "clip_qkv": cut, **({"attention_scale": scale} if scale else {})}


FAMILY = Family(
    keys={
        "vocab_size": "vocab_size",
        "max_seq_len": "context_length",
        "d_model": "emb_dim",
        "n_heads": "n_heads",
        "n_layers": "n_layers",
        "layer_norm_epsilon": "norm_eps",
        "tie_word_embeddings": "weight_tying",
    },
    readings=(attention, always(expansion_ratio=4, learned_pos_emb=True, emb_pdrop=0.0, resid_pdrop=0.0)),
    implied={"bias": False, "qkv_bias": False, "positions": "alibi", "activation": "gelu", "init": "gpt2"},
)
