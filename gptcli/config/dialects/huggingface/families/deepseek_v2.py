"""DeepSeek-V2 (DeepSeek-AI 2024): latent attention, softmax scores, groups of experts by their best."""

from gptcli.config.dialects.huggingface._experts import counts, dense_first, shared
from gptcli.config.dialects.huggingface._family import but, reads
from gptcli.config.dialects.huggingface._fixed import always
from gptcli.config.dialects.huggingface._readings import biases
from gptcli.config.dialects.huggingface._settings import Settings
from gptcli.config.dialects.huggingface.families._llama_like import LLAMA_LIKE


@reads("num_key_value_heads", "num_attention_heads")
def whole_heads(has: Settings) -> dict[str, object]:
    """Every head has keys and values of its own, made from the latent."""
    if has.maybe_whole("num_key_value_heads") not in (None, has.value("num_attention_heads")):
        raise has.refused("num_key_value_heads", "but latent attention has as many as heads; leave it out")
    return {}


@reads("topk_method", "n_group", "topk_group")
def groups(has: Settings) -> dict[str, object]:
    """Groups count with one of the two ways of choosing alone."""
    way = has.value("topk_method")
    if way not in ("greedy", "group_limited_greedy"):
        raise has.refused("topk_method", "but transformers has greedy and group_limited_greedy; write one of them")
    if way == "greedy":
        return {}
    return {"router_groups": has.entry("n_group"), "router_top_groups": has.entry("topk_group")}


LATENT = but(
    LLAMA_LIKE,
    whole_heads,
    counts("n_routed_experts"),
    shared(),
    dense_first,
    keys={
        "kv_lora_rank": "kv_lora_rank",
        "q_lora_rank": "q_lora_rank",
        "qk_nope_head_dim": "qk_nope_head_dim",
        "qk_rope_head_dim": "qk_rope_head_dim",
        "v_head_dim": "v_head_dim",
        "moe_intermediate_size": "moe_hidden_dim",
        "routed_scaling_factor": "router_scale",
    },
    without=("head_dim",),
    implied={"latent_norm_eps": 1e-6},
    nothing=frozenset({"qk_head_dim"}),  # the class writes the sum of both parts
)
FAMILY = but(
    LATENT,
    groups,
    biases(qkv="attention_bias", out="attention_bias", feed_forward="mlp_bias"),
    always(norm_topk_prob=False, scoring_func="softmax", moe_layer_freq=1),
    implied={"router": "softmax", "router_group_score": 1, "rope_interleaved": True},
    nothing=frozenset({"head_dim"}),  # the class sets it to qk_rope_head_dim
)
