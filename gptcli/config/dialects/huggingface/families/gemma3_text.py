"""Gemma 3 (Gemma Team 2025): five local layers to a full one, each kind with a rotation of its own."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._fixed import always
from gptcli.config.dialects.huggingface._layers import windows
from gptcli.config.dialects.huggingface._readings import softcaps
from gptcli.config.dialects.huggingface._rope import rope_by_layers
from gptcli.config.dialects.huggingface.families.gemma2 import FAMILY as GEMMA2

FAMILY = but(
    GEMMA2,
    softcaps(attention=""),
    always(attn_logit_softcapping=None),  # kept by transformers' attention, and never used
    windows(interval_key="sliding_window_pattern", interval=6),
    rope_by_layers(1e6, 1e4, local_key="rope_local_base_freq"),
    without=("attn_logit_softcapping",),
    implied={"qk_norm": "head"},
)
