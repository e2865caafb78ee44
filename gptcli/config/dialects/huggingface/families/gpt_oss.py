"""gpt-oss (OpenAI 2025): sinks, cut gates, biased experts, every other layer local."""

from gptcli.config.dialects.huggingface._experts import counts
from gptcli.config.dialects.huggingface._family import but
from gptcli.config.dialects.huggingface._layers import windows
from gptcli.config.dialects.huggingface._rope import rope
from gptcli.config.dialects.huggingface.families._llama_like import ATTENTION_BIAS, LLAMA_LIKE

# What GptOssConfig takes where a file says nothing of rotation.
_DEFAULT = {
    "rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False,
    "original_max_position_embeddings": 4096,
}  # fmt: skip
FAMILY = but(
    LLAMA_LIKE,
    ATTENTION_BIAS,
    windows("LF"),
    rope(150000.0, default=_DEFAULT),
    counts("num_local_experts"),
    keys={"swiglu_alpha": "glu_alpha", "swiglu_limit": "glu_limit"},
    without=("hidden_act",),
    implied={
        "activation": "silu",
        "attention_sinks": True,
        "router": "softmax_chosen",
        "router_bias": True,
        "expert_bias": True,
    },
    nothing=frozenset({"hidden_act"}),  # the gate is written out in transformers' code
)
