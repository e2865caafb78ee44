"""Nemotron (Parmar et al. 2024): layer norms of 1 + weight, squared ReLU, half of each head rotated."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface.families.llama import FAMILY as LLAMA

FAMILY = but(
    LLAMA,
    rope(fraction=0.5),
    keys={"norm_eps": "norm_eps"},
    without=("rms_norm_eps",),
    implied={"norm": "layer_norm", "norm_scale": "one_plus_weight", "norm_bias": True, "gated": False},
)
