"""Mixtral (Jiang et al. 2024): Mistral with experts in every layer."""

from gptcli.config.dialects.huggingface._experts import counts
from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface.families.mistral import FAMILY as MISTRAL

FAMILY = but(
    MISTRAL,
    rope(1e6),
    counts("num_local_experts"),
    implied={"router": "softmax", "router_renormalize": True},
    nothing=frozenset({"router_jitter_noise"}),  # noise while training
)
