"""OLMo 2 (OLMo Team 2025): norms at the end of each branch, queries and keys normed over their full width."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE

FAMILY = but(LLAMA_LIKE, ATTENTION_BIAS, implied={"norm_position": "branch", "qk_norm": "full"})
