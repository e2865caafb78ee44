"""Our keys to those of ``GPT2Config``."""

from gptcli.config.model_config import ModelConfig

_ACTIVATIONS = {"gelu_tanh": "gelu_new", "gelu": "gelu", "silu": "silu", "relu": "relu", "quick_gelu": "quick_gelu"}


def settings(config: ModelConfig) -> dict[str, object]:
    """Write a GPT-2 down, without its name; what every GPT-2 has is not written."""
    return {
        "vocab_size": config.vocab_size,
        "n_positions": config.context_length,
        "n_embd": config.emb_dim,
        "n_head": config.n_heads,
        "n_layer": config.n_layers,
        **({} if config.hidden_dim in (None, 4 * config.emb_dim) else {"n_inner": config.hidden_dim}),
        "activation_function": _ACTIVATIONS.get(config.activation, config.activation),
        "embd_pdrop": config.drop_rate,
        "attn_pdrop": config.drop_rate if config.attention_drop_rate is None else config.attention_drop_rate,
        "resid_pdrop": config.drop_rate,
        "layer_norm_epsilon": config.norm_eps,
        "tie_word_embeddings": config.weight_tying,
    }
