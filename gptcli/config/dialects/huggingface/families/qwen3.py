"""Qwen 3: queries and keys are normed over a head."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._layers import windows_from_a_layer_on
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE

FAMILY = but(LLAMA_LIKE, ATTENTION_BIAS, windows_from_a_layer_on(), implied={"qk_norm": "head"})
