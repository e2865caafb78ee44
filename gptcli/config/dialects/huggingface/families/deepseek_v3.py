"""DeepSeek-V3 and R1 (DeepSeek-AI 2024): latent attention, sigmoid scores with a correction, groups of experts."""

from gptcli.config.dialects.huggingface._experts import SIGMOID, groups, renormalized
from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._fixed import always
from gptcli.config.dialects.huggingface._readings import further_layers
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS
from gptcli.config.dialects.huggingface.families.deepseek_v2 import LATENT


@reads("head_dim", "qk_rope_head_dim")
def rotated_width(has: Settings) -> dict[str, object]:
    """The class writes the rotated part's width once more, and rotation reads that."""
    if has.maybe_whole("head_dim") not in (None, has.value("qk_rope_head_dim")):
        raise has.refused("head_dim", "but rotation takes it for qk_rope_head_dim; leave it out")
    return {}


FAMILY = but(
    LATENT,
    ATTENTION_BIAS,
    rotated_width,
    groups,
    renormalized,
    further_layers,
    always(scoring_func="sigmoid", topk_method="noaux_tc", moe_layer_freq=1),
    keys={"rope_interleave": "rope_interleaved"},
    implied=SIGMOID,
)
