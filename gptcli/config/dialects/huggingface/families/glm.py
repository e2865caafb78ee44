"""GLM-4 (GLM Team 2024): half of each head rotated, neighbours together; biases on query, key and value."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._readings import biases
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE

FAMILY = but(LLAMA_LIKE, biases(qkv="attention_bias"), rope(fraction=0.5), implied={"rope_interleaved": True})
