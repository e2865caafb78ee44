"""OLMoE (Muennighoff et al. 2024): 8 of 64 experts, queries and keys normed over their full width."""

from gptcli.config.dialects.huggingface._experts import counts, renormalized
from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._readings import filled_width
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE
from gptcli.config.dialects.huggingface.families.olmo import clip

FAMILY = but(
    LLAMA_LIKE,
    ATTENTION_BIAS,
    clip,
    filled_width,
    counts(),
    renormalized,
    implied={"qk_norm": "full", "router": "softmax"},
)
