"""Mistral (Jiang et al. 2023): a window in all layers."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._layers import one_window
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE

FAMILY = but(LLAMA_LIKE, one_window())
