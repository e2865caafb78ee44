"""GPT-2 (Radford et al. 2019)."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._readings import older_length
from gptcli.config.dialects.huggingface.families._gpt2_like import GPT2_LIKE, scale

FAMILY = but(
    GPT2_LIKE,
    older_length,
    scale,
    run_only=frozenset({"scale_attn_by_inverse_layer_idx"}),
    instead={
        "scale_attn_by_inverse_layer_idx": "but gptcli's attention scales its scores alike in every layer; write false",
        "add_cross_attention": "but gptcli's networks have no encoder to attend to; write false",
    },
)
