"""Hunyuan's dense models: queries and keys are normed after their rotation."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE

FAMILY = but(LLAMA_LIKE, ATTENTION_BIAS, implied={"qk_norm": "head", "qk_norm_after_rope": True})
