"""GPT-2 (Radford et al. 2019)."""

from gptcli.config.dialects.huggingface._family import Family
from gptcli.config.dialects.huggingface._readings import activation, dropout, older_length

FAMILY = Family(
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
        dropout("embd_pdrop", "resid_pdrop", attention="attn_pdrop"),
        older_length,
    ),
    implied={"bias": True, "qkv_bias": True, "init": "gpt2"},
    run_only=frozenset({"scale_attn_weights", "scale_attn_by_inverse_layer_idx"}),
    instead={
        "scale_attn_weights": "but gptcli's attention always scales its scores; write true",
        "scale_attn_by_inverse_layer_idx": "but gptcli's attention scales its scores alike in every layer; write false",
        "add_cross_attention": "but gptcli's networks have no encoder to attend to; write false",
    },
)
