"""Ministral: Mistral with a window in some layers."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._layers import windows
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE

FAMILY = but(LLAMA_LIKE, windows())
