"""Our keys to those of ``GPT2Config``."""

import msgspec

from gptcli.config.dialects.huggingface._readings import ACTIVATIONS
from gptcli.config.model_config import ModelConfig
from gptcli.errors import InputError

# What GPT2Config says, or what every GPT-2 has and no key says.
_SAID = {
    "name", "vocab_size", "context_length", "emb_dim", "n_heads", "n_layers", "hidden_dim", "activation", "drop_rate",
    "attention_drop_rate", "embedding_drop_rate", "norm_eps", "weight_tying", "attention_scale", "bias", "qkv_bias",
    "init", "norm", "family",
}  # fmt: skip
_UNSCALED = 1.0


def settings(config: ModelConfig) -> dict[str, object]:
    """Write a GPT-2 down, without its name; what every GPT-2 has is not written.

    Raises:
        InputError: it is none; every key that there is no word for is named.
    """
    _refuse_others(config)
    inner = {} if config.hidden_dim in (None, 4 * config.emb_dim) else {"n_inner": config.hidden_dim}
    unscaled = {} if config.attention_scale is None else {"scale_attn_weights": False}
    return {
        "vocab_size": config.vocab_size,
        "n_positions": config.context_length,
        "n_embd": config.emb_dim,
        "n_head": config.n_heads,
        "n_layer": config.n_layers,
        **inner,
        "activation_function": next(word for word, ours in ACTIVATIONS.items() if ours == config.activation),
        "embd_pdrop": config.drop_rate if config.embedding_drop_rate is None else config.embedding_drop_rate,
        "attn_pdrop": config.drop_rate if config.attention_drop_rate is None else config.attention_drop_rate,
        "resid_pdrop": config.drop_rate,
        "layer_norm_epsilon": config.norm_eps,
        **unscaled,
        "tie_word_embeddings": config.weight_tying,
    }


def _refuse_others(config: ModelConfig) -> None:
    usual = {field.name: field.default for field in msgspec.structs.fields(config)}
    usual |= {"n_kv_groups": config.n_heads, "head_dim": config.emb_dim // config.n_heads}
    beyond = [
        key
        for key, value in usual.items()
        if key not in _SAID
        and getattr(config, key) not in (value, None if key in ("n_kv_groups", "head_dim") else value)
    ]
    if config.attention_scale not in (None, _UNSCALED):
        beyond.append("attention_scale")
    if beyond:
        raise InputError(
            f"Hugging Face's GPT2Config has no keys for {', '.join(beyond)}, which {config.name} has; "
            "write the layout that keeps every key: --to gptcli"
        )
