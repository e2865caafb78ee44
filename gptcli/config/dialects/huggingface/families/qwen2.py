"""Qwen 2 and 2.5: biases on query, key and value alone; windows from a layer on."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._layers import windows_from_a_layer_on
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE

FAMILY = but(LLAMA_LIKE, windows_from_a_layer_on(), implied={"qkv_bias": True})
