"""Hunyuan's dense models: queries and keys are normed after their rotation."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface.families.llama import FAMILY as LLAMA

FAMILY = but(LLAMA, implied={"qk_norm": "head", "qk_norm_after_rope": True})
