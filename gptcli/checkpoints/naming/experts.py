"""Families with experts: a file's tensors are one expert's each, or hold all of them."""

from gptcli.checkpoints.naming.family import Family
from gptcli.checkpoints.naming.like_llama import LLAMA, OUTSIDE

_EACH = {
    "mlp.router": "mlp.gate",
    "mlp.experts.gate_up_proj": (
        "mlp.experts.{e}.gate_proj.weight + mlp.experts.{e}.up_proj.weight | mlp.experts.gate_up_proj"
    ),
    "mlp.experts.down_proj": "mlp.experts.{e}.down_proj.weight | mlp.experts.down_proj",
}
# Mixtral's names: w1 is the gate, w3 its partner, w2 leads back.
_MIXTRAL = {
    "mlp.router": "block_sparse_moe.gate | mlp.gate",
    "mlp.experts.gate_up_proj": (
        "block_sparse_moe.experts.{e}.w1.weight + block_sparse_moe.experts.{e}.w3.weight | mlp.experts.gate_up_proj"
    ),
    "mlp.experts.down_proj": "block_sparse_moe.experts.{e}.w2.weight | mlp.experts.down_proj",
}
_SHARED = {
    "mlp.shared.gate_proj": "mlp.shared_experts.gate_proj",
    "mlp.shared.up_proj": "mlp.shared_experts.up_proj",
    "mlp.shared.c_proj": "mlp.shared_experts.down_proj",
}
_QWEN2_SHARED = {
    "mlp.shared.gate_proj": "mlp.shared_expert.gate_proj",
    "mlp.shared.up_proj": "mlp.shared_expert.up_proj",
    "mlp.shared.c_proj": "mlp.shared_expert.down_proj",
    "mlp.shared_gate": "mlp.shared_expert_gate",
}
_CORRECTION = {"mlp.chosen.correction": "mlp.gate.e_score_correction_bias"}
_ERNIE_CORRECTION = {
    "mlp.chosen.correction": ("mlp.moe_statics.e_score_correction_bias | mlp.gate.moe_statics.e_score_correction_bias")
}
_MINIMAX_CORRECTION = {
    "mlp.chosen.correction": "block_sparse_moe.e_score_correction_bias | mlp.e_score_correction_bias"
}
_LATENT = {
    "attn.q_proj": "self_attn.q_proj",
    "attn.q_a_proj": "self_attn.q_a_proj",
    "attn.q_a_norm": "self_attn.q_a_layernorm",
    "attn.q_b_proj": "self_attn.q_b_proj",
    "attn.kv_a_proj": "self_attn.kv_a_proj_with_mqa",
    "attn.kv_a_norm": "self_attn.kv_a_layernorm",
    "attn.kv_b_proj": "self_attn.kv_b_proj",
}
_PHIMOE = {**_MIXTRAL, "mlp.router": "block_sparse_moe.gate | mlp.router"}
_GRANITE = {
    "mlp.router": "block_sparse_moe.router.layer | block_sparse_moe.router",
    "mlp.experts.gate_up_proj": "block_sparse_moe.input_linear.weight | block_sparse_moe.experts.gate_up_proj",
    "mlp.experts.down_proj": "block_sparse_moe.output_linear.weight | block_sparse_moe.experts.down_proj",
}
_GPT_OSS = {
    "mlp.router": "mlp.router",
    "mlp.experts.gate_up_proj": "mlp.experts.gate_up_proj [turned, interleaved]",
    "mlp.experts.gate_up_proj_bias": "mlp.experts.gate_up_proj_bias [interleaved]",
    "mlp.experts.down_proj": "mlp.experts.down_proj [turned]",
    "mlp.experts.down_proj_bias": "mlp.experts.down_proj_bias",
    "attn.softmax.sinks": "self_attn.sinks",
}
_LLAMA4 = {
    "mlp.gate_proj": "feed_forward.gate_proj",
    "mlp.up_proj": "feed_forward.up_proj",
    "mlp.c_proj": "feed_forward.down_proj",
    "mlp.router": "feed_forward.router",
    "mlp.experts.gate_up_proj": "feed_forward.experts.gate_up_proj [turned]",
    "mlp.experts.down_proj": "feed_forward.experts.down_proj [turned]",
    "mlp.shared.gate_proj": "feed_forward.shared_expert.gate_proj",
    "mlp.shared.up_proj": "feed_forward.shared_expert.up_proj",
    "mlp.shared.c_proj": "feed_forward.shared_expert.down_proj",
}


def _family(*tables: dict[str, str], beside: tuple[str, ...] = ()) -> Family:
    inside = dict(LLAMA)
    for table in tables:
        inside |= table
    return Family(inside=inside, outside=OUTSIDE, beside=beside)


EXPERTS: dict[str, Family] = {
    "mixtral": _family(_MIXTRAL),
    "phimoe": _family(_PHIMOE),
    "minimax_m2": _family(_MIXTRAL, _MINIMAX_CORRECTION),
    "granitemoe": _family(_GRANITE),
    "olmoe": _family(_EACH),
    "qwen2_moe": _family(_EACH, _QWEN2_SHARED),
    "qwen3_moe": _family(_EACH),
    "glm4_moe": _family(_EACH, _SHARED, _CORRECTION),
    "dots1": _family(_EACH, _SHARED, _CORRECTION),
    "ernie4_5_moe": _family(_EACH, _SHARED, _ERNIE_CORRECTION, beside=("model.mtp_", "mtp")),
    "deepseek_v2": _family(_EACH, _SHARED, _LATENT),
    "deepseek_v3": _family(_EACH, _SHARED, _LATENT, _CORRECTION),
    "gpt_oss": _family(_GPT_OSS),
    "llama4_text": _family(_LLAMA4),
}
