"""Command R (Cohere 2024): both branches beside each other, layer norms without bias, neighbours rotated together."""

from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE


@reads("use_qk_norm")
def qk_norm(has: Settings) -> dict[str, object]:
    """Each head of queries and keys may have a norm of its own."""
    return {"qk_norm": "each_head"} if has.flag("use_qk_norm") else {}


COHERE = but(
    LLAMA_LIKE,
    ATTENTION_BIAS,
    keys={"layer_norm_eps": "norm_eps", "logit_scale": "logit_scale"},
    without=("rms_norm_eps",),
    implied={"norm": "layer_norm", "norm_bias": False, "norm_position": "parallel", "rope_interleaved": True},
)
FAMILY = but(COHERE, rope(5e5), qk_norm)
