"""Older families, from GPT to OPT, BLOOM and Falcon."""

from gptcli.checkpoints.naming.family import Family

_GPT_OUTSIDE = {"wte": "wte", "wpe": "wpe", "ln_f": "ln_f", "lm_head": "lm_head"}
_GPT = {
    "ln_1": "ln_1",
    "attn.c_attn": "attn.c_attn",
    "attn.c_proj": "attn.c_proj",
    "ln_2": "ln_2",
    "mlp.c_fc": "mlp.c_fc",
    "mlp.c_proj": "mlp.c_proj",
}
_IN_AND_OUT = {"mlp.c_fc": "mlp.fc_in", "mlp.c_proj": "mlp.fc_out"}
# Megatron-LM's names.
_MEGATRON = {
    "ln_1": "input_layernorm",
    "ln_2": "post_attention_layernorm",
    "mlp.c_fc": "mlp.dense_h_to_4h",
    "mlp.c_proj": "mlp.dense_4h_to_h",
    "attn.c_attn": "self_attention.query_key_value [groups]",
    "attn.c_proj": "self_attention.dense",
}
# fairseq's names.
_FAIRSEQ = {
    "ln_1": "self_attn_layer_norm",
    "attn.c_attn": "self_attn.q_proj + self_attn.k_proj + self_attn.v_proj",
    "attn.c_proj": "self_attn.out_proj",
    "ln_2": "final_layer_norm",
    "mlp.c_fc": "fc1",
    "mlp.c_proj": "fc2",
}

LIKE_GPT: dict[str, Family] = {
    "openai-gpt": Family(
        inside=_GPT,
        outside={**_GPT_OUTSIDE, "wte": "tokens_embed", "wpe": "positions_embed"},
        layers="h.{i}",
        prefix="transformer.",
        transposed=True,
    ),
    "gpt_bigcode": Family(
        inside={**_GPT, "attn.c_attn": "attn.c_attn [groups]"},
        outside=_GPT_OUTSIDE,
        layers="h.{i}",
        prefix="transformer.",
    ),
    "gpt_neo": Family(
        inside={
            **_GPT,
            "attn.c_attn": "attn.attention.q_proj + attn.attention.k_proj + attn.attention.v_proj",
            "attn.c_proj": "attn.attention.out_proj",
        },
        outside=_GPT_OUTSIDE,
        layers="h.{i}",
        prefix="transformer.",
    ),
    "gptj": Family(
        inside={
            **_GPT,
            **_IN_AND_OUT,
            "attn.c_attn": "attn.q_proj + attn.k_proj + attn.v_proj",
            "attn.c_proj": "attn.out_proj",
        },
        outside=_GPT_OUTSIDE,
        layers="h.{i}",
        prefix="transformer.",
    ),
    "codegen": Family(
        inside={
            **_GPT,
            **_IN_AND_OUT,
            "attn.c_attn": "attn.qkv_proj [quarters]",
            "attn.c_proj": "attn.out_proj",
        },
        outside=_GPT_OUTSIDE,
        layers="h.{i}",
        prefix="transformer.",
    ),
    "gpt_neox": Family(
        inside={
            **_MEGATRON,
            "attn.c_attn": "attention.query_key_value [groups]",
            "attn.c_proj": "attention.dense",
        },
        outside={"wte": "embed_in", "ln_f": "final_layer_norm", "lm_head": "embed_out | lm_head"},
        prefix="gpt_neox.",
    ),
    "bloom": Family(
        inside=_MEGATRON,
        outside={
            "wte": "word_embeddings",
            "embed_norm": "word_embeddings_layernorm",
            "ln_f": "ln_f",
            "lm_head": "lm_head",
        },
        layers="h.{i}",
        prefix="transformer.",
    ),
    "falcon": Family(
        inside={
            **_MEGATRON,
            "ln_1": "input_layernorm | ln_attn",
            "ln_2": "post_attention_layernorm | ln_mlp",
        },
        outside={"wte": "word_embeddings", "ln_f": "ln_f", "lm_head": "lm_head"},
        layers="h.{i}",
        prefix="transformer.",
    ),
    "mpt": Family(
        inside={
            "ln_1": "norm_1",
            "attn.c_attn": "attn.Wqkv",
            "attn.c_proj": "attn.out_proj",
            "ln_2": "norm_2",
            "mlp.c_fc": "ffn.up_proj",
            "mlp.c_proj": "ffn.down_proj",
        },
        outside={"wte": "wte", "ln_f": "norm_f", "lm_head": "lm_head"},
        layers="blocks.{i}",
        prefix="transformer.",
    ),
    "opt": Family(
        inside=_FAIRSEQ,
        outside={
            "wte": "embed_tokens",
            "wpe": "embed_positions",
            "embed_proj": "project_in",
            "ln_f": "final_layer_norm",
            "head_proj": "project_out",
            "lm_head": "lm_head",
        },
        prefix="model.decoder.",
        prefixes=("decoder.",),
    ),
    "xglm": Family(
        inside=_FAIRSEQ,
        outside={"wte": "embed_tokens", "ln_f": "layer_norm", "lm_head": "lm_head"},
        buffers=("embed_positions.weights",),
    ),
}
