"""OLMo (Groeneveld et al. 2024): layer norms without weights, projections cut at a limit."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE


@reads("clip_qkv")
def clip(has: Settings) -> dict[str, object]:
    """Queries, keys and values are cut; null for not."""
    return {"clip_qkv": has.maybe_number("clip_qkv") or 0.0}


FAMILY = but(
    LLAMA_LIKE,
    ATTENTION_BIAS,
    clip,
    without=("rms_norm_eps",),
    implied={"norm": "layer_norm", "norm_scale": "none", "norm_bias": False, "norm_eps": 1e-5},
)
