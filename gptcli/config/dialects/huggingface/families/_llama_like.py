"""What Llama's descendants share: rotation, RMSNorm before each branch, grouped heads, a gated feed forward."""

from gptcli.config.dialects.huggingface._family import Family
from gptcli.config.dialects.huggingface._readings import activation, biases, dropout, head_width, heads
from gptcli.config.dialects.huggingface._rope import rope

SIZES = {
    "vocab_size": "vocab_size",
    "max_position_embeddings": "context_length",
    "hidden_size": "emb_dim",
    "intermediate_size": "hidden_dim",
    "num_attention_heads": "n_heads",
    "num_hidden_layers": "n_layers",
    "tie_word_embeddings": "weight_tying",
}
LLAMA_LIKE = Family(
    keys={**SIZES, "rms_norm_eps": "norm_eps"},
    readings=(heads(), head_width, activation("hidden_act"), dropout(attention="attention_dropout"), rope()),
    implied={"norm": "rms_norm", "gated": True, "bias": False, "qkv_bias": False, "init": "gpt2"},
)
ATTENTION_BIAS = biases(qkv="attention_bias", out="attention_bias")
