"""dots.llm1 (Huo et al. 2025): DeepSeek's experts on Qwen's attention."""

from gptcli.config.dialects.huggingface._experts import SIGMOID, counts, dense_first, groups, renormalized, shared
from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._layers import windows_from_a_layer_on
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE

FAMILY = but(
    LLAMA_LIKE,
    ATTENTION_BIAS,
    windows_from_a_layer_on(only_if=None),
    counts("n_routed_experts"),
    shared(),
    dense_first,
    renormalized,
    groups,
    keys={"moe_intermediate_size": "moe_hidden_dim", "routed_scaling_factor": "router_scale"},
    implied={"qk_norm": "head", **SIGMOID},
)
