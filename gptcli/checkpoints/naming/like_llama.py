"""Families named after Llama's modules, and those that call some of them otherwise."""

from gptcli.checkpoints.naming.family import Family

OUTSIDE = {"wte": "embed_tokens", "ln_f": "norm", "lm_head": "lm_head"}
ATTENTION = {
    "attn.c_attn": "self_attn.q_proj + self_attn.k_proj + self_attn.v_proj",
    "attn.q_norm": "self_attn.q_norm",
    "attn.k_norm": "self_attn.k_norm",
    "attn.c_proj": "self_attn.o_proj",
}
NORMS = {"ln_1": "input_layernorm", "ln_2": "post_attention_layernorm"}
GATED = {"mlp.gate_proj": "mlp.gate_proj", "mlp.up_proj": "mlp.up_proj", "mlp.c_proj": "mlp.down_proj"}
LLAMA = {**NORMS, **ATTENTION, **GATED}

# A linear layer in place of the gated pair.
_UP_AND_DOWN = {"mlp.c_fc": "mlp.up_proj", "mlp.c_proj": "mlp.down_proj"}
_FIRST_AND_SECOND = {"mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
# Norms at the end of a branch.
_AFTER = {"ln_1": "post_attention_layernorm", "ln_2": "post_feedforward_layernorm"}
# Norms before a branch and at its end.
_BOTH = {
    "ln_1": "input_layernorm",
    "ln_1_post": "post_attention_layernorm",
    "ln_2": "pre_feedforward_layernorm",
    "ln_2_post": "post_feedforward_layernorm",
}
_GLM4 = {
    "ln_1": "input_layernorm",
    "ln_1_post": "post_self_attn_layernorm",
    "ln_2": "post_attention_layernorm",
    "ln_2_post": "post_mlp_layernorm",
}
_GATE_AND_UP = {
    "mlp.gate_proj": "mlp.gate_up_proj [first half]",
    "mlp.up_proj": "mlp.gate_up_proj [second half]",
}
_HUNYUAN = {"attn.q_norm": "self_attn.query_layernorm", "attn.k_norm": "self_attn.key_layernorm"}
# A norm for each head, with weights of its own.
_STABLELM = {
    "attn.q_norm": "self_attn.q_layernorm.norms.{e}",
    "attn.k_norm": "self_attn.k_layernorm.norms.{e}",
}
_PHI = {
    **_FIRST_AND_SECOND,
    "attn.c_proj": "self_attn.dense",
    "attn.q_norm": "self_attn.q_layernorm",
    "attn.k_norm": "self_attn.k_layernorm",
}
_PERSIMMON = {
    "attn.c_attn": "self_attn.query_key_value [groups]",
    "attn.c_proj": "self_attn.dense",
    "attn.q_norm": "self_attn.q_layernorm",
    "attn.k_norm": "self_attn.k_layernorm",
    "mlp.c_fc": "mlp.dense_h_to_4h",
    "mlp.c_proj": "mlp.dense_4h_to_h",
}


def _family(*tables: dict[str, str], **outside: str) -> Family:
    inside = dict(LLAMA)
    for table in tables:
        inside |= table
    return Family(inside=inside, outside={**OUTSIDE, **outside})


_PLAIN = """
    llama mistral ministral qwen2 qwen3 gemma granite helium seed_oss smollm3 ernie4_5 cohere cohere2 olmo
"""

LIKE_LLAMA: dict[str, Family] = {
    **{name: _family() for name in _PLAIN.split()},
    "arcee": _family(_UP_AND_DOWN),
    "nemotron": _family(_UP_AND_DOWN),
    "starcoder2": _family({"mlp.c_fc": "mlp.c_fc", "mlp.c_proj": "mlp.c_proj"}),
    "nanochat": _family(_FIRST_AND_SECOND),
    "olmo2": _family(_AFTER),
    "olmo3": _family(_AFTER),
    "exaone4": _family(_AFTER),
    "gemma2": _family(_BOTH),
    "gemma3_text": _family(_BOTH),
    "glm": _family(_GATE_AND_UP),
    "glm4": _family(_GATE_AND_UP, _GLM4),
    "phi3": _family(_GATE_AND_UP, {"attn.c_attn": "self_attn.qkv_proj"}),
    "hunyuan_v1_dense": _family(_HUNYUAN),
    "stablelm": _family(_STABLELM),
    "phi": _family(_PHI, ln_f="final_layernorm"),
    "persimmon": _family(_PERSIMMON, ln_f="final_layernorm"),
}
