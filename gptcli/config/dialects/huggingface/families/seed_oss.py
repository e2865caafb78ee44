"""Seed-OSS: biases on query, key and value, and by a key of its own on the output."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._readings import biases, dropout
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE

FAMILY = but(
    LLAMA_LIKE,
    biases(qkv="attention_bias", out="attention_out_bias", feed_forward="mlp_bias"),
    dropout("residual_dropout", attention="attention_dropout"),
    without=("attention_dropout",),
)
