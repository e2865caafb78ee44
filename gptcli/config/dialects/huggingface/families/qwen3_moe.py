"""Qwen3-MoE: Qwen 3 with many narrow experts."""

from gptcli.config.dialects.huggingface._experts import counts, dense_some, renormalized
from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._layers import one_window
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE

FAMILY = but(
    LLAMA_LIKE,
    ATTENTION_BIAS,
    one_window(only_if="use_sliding_window"),
    counts("num_local_experts"),
    dense_some,
    renormalized,
    keys={"moe_intermediate_size": "moe_hidden_dim"},
    implied={"qk_norm": "head", "router": "softmax"},
)
