"""Llama (Touvron et al. 2023)."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._readings import biases
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE

FAMILY = but(LLAMA_LIKE, biases(qkv="attention_bias", out="attention_bias", feed_forward="mlp_bias"))
