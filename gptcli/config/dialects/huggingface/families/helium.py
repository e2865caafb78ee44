"""Helium: neighbours are rotated together; heads fill the embedding's width."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._readings import biases, filled_width
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE

FAMILY = but(
    LLAMA_LIKE,
    biases(qkv="attention_bias", feed_forward="mlp_bias"),
    rope(1e5),
    filled_width,
    implied={"rope_interleaved": True},
)
