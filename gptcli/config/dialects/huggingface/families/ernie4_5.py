"""ERNIE 4.5: neighbours are rotated together."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._readings import biases
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE

FAMILY = but(
    LLAMA_LIKE,
    biases(qkv="use_bias", out="use_bias", feed_forward="use_bias"),
    rope(5e5),
    without=("attention_dropout",),
    implied={"rope_interleaved": True},
)
