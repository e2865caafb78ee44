"""StarCoder2 (Lozhkov et al. 2024): layer norms, a plain feed forward, biases, a window."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._layers import one_window
from gptcli.config.dialects.huggingface._readings import biases, dropout
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE

FAMILY = but(
    LLAMA_LIKE,
    one_window(),
    biases(qkv="use_bias", out="use_bias", feed_forward="use_bias"),
    dropout("residual_dropout", embedding="embedding_dropout", attention="attention_dropout"),
    keys={"norm_epsilon": "norm_eps"},
    without=("rms_norm_eps", "attention_dropout"),
    implied={"norm": "layer_norm", "norm_bias": True, "gated": False},
)
