"""nanochat (Karpathy 2025): norms without weights, squared ReLU, rotation the other way and before the norms."""

from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._readings import softcaps
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE

FAMILY = but(
    LLAMA_LIKE,
    ATTENTION_BIAS,
    softcaps(attention=""),
    implied={
        "norm_scale": "none",
        "gated": False,
        "embedding_norm": True,
        "qk_norm": "head",
        "qk_norm_after_rope": True,
        "rope_reversed": True,
    },
)
