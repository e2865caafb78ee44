"""What GPT-2's descendants share: its keys, learned positions, layer norms, biases."""

from gptcli.config.dialects.huggingface._family import Family, reads
from gptcli.config.dialects.huggingface._readings import activation, dropout
from gptcli.config.dialects.huggingface._settings import Settings

GPT2_LIKE = Family(
    keys={
        "vocab_size": "vocab_size",
        "n_positions": "context_length",
        "n_embd": "emb_dim",
        "n_head": "n_heads",
        "n_layer": "n_layers",
        "n_inner": "hidden_dim",
        "layer_norm_epsilon": "norm_eps",
        "tie_word_embeddings": "weight_tying",
    },
    readings=(
        activation("activation_function"),
        dropout("resid_pdrop", embedding="embd_pdrop", attention="attn_pdrop"),
    ),
    implied={"bias": True, "qkv_bias": True, "init": "gpt2"},
)


@reads("scale_attn_weights")
def scale(has: Settings) -> dict[str, object]:
    """Scores are scaled by the root of a head's width, or not at all."""
    return {} if has.flag("scale_attn_weights") else {"attention_scale": 1.0}
