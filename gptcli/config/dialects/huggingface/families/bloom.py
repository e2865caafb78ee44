"""BLOOM (BigScience 2022): ALiBi, a norm after the embedding."""

from gptcli.config.dialects.huggingface._family import Family, reads
from gptcli.config.dialects.huggingface._readings import dropout
from gptcli.config.dialects.huggingface._settings import Settings

_TRAINED_ON = 2048  # BLOOM's sequence length, which its class has no key for


@reads("seq_length")
def length(has: Settings) -> dict[str, object]:
    """ALiBi has no longest text; older files say what it was trained on."""
    return {"context_length": has.whole("seq_length") if has.gives("seq_length") else _TRAINED_ON}


@reads("hidden_size", "n_embed")
def width(has: Settings) -> dict[str, object]:
    """The older key goes first."""
    return {"emb_dim": has.entry("n_embed" if has.gives("n_embed") else "hidden_size")}


FAMILY = Family(
    keys={
        "vocab_size": "vocab_size",
        "n_head": "n_heads",
        "n_layer": "n_layers",
        "layer_norm_epsilon": "norm_eps",
        "tie_word_embeddings": "weight_tying",
    },
    readings=(length, width, dropout("hidden_dropout", attention="attention_dropout")),
    implied={
        "bias": True,
        "qkv_bias": True,
        "positions": "alibi",
        "embedding_norm": True,
        "activation": "gelu_tanh",
        "init": "gpt2",
    },
    run_only=frozenset({"apply_residual_connection_post_layernorm"}),
)
