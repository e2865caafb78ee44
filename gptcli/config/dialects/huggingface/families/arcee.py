"""Arcee: Llama with a plain feed forward and squared ReLU."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface.families.llama import FAMILY as LLAMA

FAMILY = but(LLAMA, implied={"gated": False})
