"""GLM-4.5 (GLM Team 2025): DeepSeek's experts, half of each head rotated."""

from gptcli.config.dialects.huggingface._experts import SIGMOID, counts, dense_first, groups, renormalized, shared
from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._readings import biases, further_layers
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE


@reads("use_qk_norm")
def qk_norm(has: Settings) -> dict[str, object]:
    """Queries and keys may be normed over a head."""
    return {"qk_norm": "head"} if has.flag("use_qk_norm") else {}


FAMILY = but(
    LLAMA_LIKE,
    biases(qkv="attention_bias"),
    rope(fraction=0.5),
    qk_norm,
    counts("n_routed_experts"),
    shared(),
    dense_first,
    renormalized,
    groups,
    further_layers,
    keys={"moe_intermediate_size": "moe_hidden_dim", "routed_scaling_factor": "router_scale"},
    implied=SIGMOID,
)
