"""Small networks of many families: transformers' settings, ours, and where the one keeps what the other names.

What is ours is read off the papers and transformers' source by hand, so that no reader of configs is trusted here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from gptcli.config import ModelConfig

State = Mapping[str, Tensor]
# A module's name in transformers, names that lie under each other in ours, or what takes numbers out of a state.
Name = str | tuple[str, ...] | Callable[[State, str, str], Tensor]

_VOCABULARY, _CONTEXT, _WIDTH, _HEADS, _GROUPS, _LAYERS, _HIDDEN = 61, 64, 32, 4, 2, 2, 48

_THEIRS = {
    "vocab_size": _VOCABULARY,
    "max_position_embeddings": _CONTEXT,
    "hidden_size": _WIDTH,
    "num_attention_heads": _HEADS,
    "num_key_value_heads": _GROUPS,
    "num_hidden_layers": _LAYERS,
    "intermediate_size": _HIDDEN,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "tie_word_embeddings": False,
}
_OURS = {
    "vocab_size": _VOCABULARY,
    "context_length": _CONTEXT,
    "emb_dim": _WIDTH,
    "n_heads": _HEADS,
    "n_kv_groups": _GROUPS,
    "n_layers": _LAYERS,
    "hidden_dim": _HIDDEN,
}
_LLAMA = {
    "positions": "rotary",
    "norm": "rms_norm",
    "norm_eps": 1e-6,
    "bias": False,
    "gated": True,
    "activation": "silu",
}
_LLAMA_NAMES: dict[str, Name] = {
    "wte": "model.embed_tokens",
    "ln_f": "model.norm",
    "lm_head": "lm_head",
    "h.attn.c_attn": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "h.attn.c_proj": "self_attn.o_proj",
    "h.attn.q_norm": "self_attn.q_norm",
    "h.attn.k_norm": "self_attn.k_norm",
    "h.mlp.gate_proj": "mlp.gate_proj",
    "h.mlp.up_proj": "mlp.up_proj",
    "h.mlp.c_fc": "mlp.up_proj",
    "h.mlp.c_proj": "mlp.down_proj",
    "h.ln_1": "input_layernorm",
    "h.ln_2": "post_attention_layernorm",
    "h": "model.layers",
}


@dataclass(frozen=True, eq=False)
class Family:
    """A family's network.

    Attributes:
        kind: its ``model_type``.
        theirs: settings of transformers' config, beside those that all share.
        ours: our keys beside those that all share.
        names: of modules, beside Llama's; ``h`` is that of the layers.
        label: what a test calls it, where its kind does not tell it from another.
    """

    kind: str
    theirs: Mapping[str, Any] = field(default_factory=dict)
    ours: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, Name] = field(default_factory=dict)
    label: str = ""

    @property
    def name(self) -> str:
        """What the family is called in a test."""
        return self.label or self.kind

    def config(self) -> ModelConfig:
        """Return our config."""
        return ModelConfig(**{**_OURS, **_LLAMA, **self.ours})

    def settings(self) -> dict[str, Any]:
        """Return those of transformers."""
        return {**_THEIRS, **self.theirs}

    def weight(self, state: State, path: str) -> Tensor:
        """Return the numbers of our weight of a path from transformers' state."""
        names = {**_LLAMA_NAMES, **self.names}
        module, _, leaf = path.rpartition(".")
        prefix = ""
        if module.startswith("h."):
            _, index, rest = module.split(".", 2)
            module, prefix = f"h.{rest}", f"{names['h']}.{index}."
        whole = names.get(f"{module}.{leaf}")
        if isinstance(whole, str):
            return state[prefix + whole]
        if callable(whole):
            return whole(state, prefix, leaf)
        name = names[module]
        if callable(name):
            return name(state, prefix, leaf)
        if isinstance(name, str):
            return state[f"{prefix}{name}.{leaf}"]
        return torch.cat([state[f"{prefix}{each}.{leaf}"] for each in name])


def _by_head(name: str, heads: int = _HEADS) -> Name:
    """Take a fused projection whose rows are query, key and value of one head after the other."""

    def taken(state: State, prefix: str, leaf: str) -> Tensor:
        fused = state[f"{prefix}{name}.{leaf}"]
        return fused.view(heads, 3, -1, *fused.shape[1:]).transpose(0, 1).reshape(fused.shape)

    return taken


def _stacked(name: str, heads: int) -> Name:
    """Take a norm's weights that are kept for each head apart."""
    return lambda state, prefix, leaf: torch.stack([state[f"{prefix}{name}.{head}.{leaf}"] for head in range(heads)])


def _half(name: str, which: int, of: int = 2) -> Name:
    """Take one of the equal parts of a fused projection."""
    return lambda state, prefix, leaf: state[f"{prefix}{name}.{leaf}"].chunk(of)[which]


def _turned(name: str) -> Name:
    """Take a matrix that is stored as (in, out)."""
    return lambda state, prefix, leaf: (
        state[f"{prefix}{name}.{leaf}"].t() if leaf == "weight" else state[f"{prefix}{name}.{leaf}"]
    )


def _swapped(name: str, *, neighbours: bool = False) -> Name:
    """Take experts' matrices that are stored as (E, in, out); gates and partners may lie side by side."""

    def taken(state: State, prefix: str, leaf: str) -> Tensor:
        numbers = state[prefix + name]
        numbers = numbers.transpose(1, 2) if numbers.dim() > 2 else numbers
        return torch.cat((numbers[:, ::2], numbers[:, 1::2]), dim=1) if neighbours else numbers

    return taken


def _rope(kind: str, **given: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **given}}


_GPT2_LIKE = {
    "positions": "learned",
    "norm": "layer_norm",
    "norm_eps": 1e-5,
    "bias": True,
    "qkv_bias": True,
    "gated": False,
    "activation": "gelu_tanh",
    "n_kv_groups": None,
    "hidden_dim": None,
}
_NORMED_TWICE: dict[str, Name] = {
    "h.ln_1_post": "post_attention_layernorm",
    "h.ln_2": "pre_feedforward_layernorm",
    "h.ln_2_post": "post_feedforward_layernorm",
}
_PLAIN_FEED_FORWARD: dict[str, Name] = {"h.mlp.c_fc": "mlp.dense_h_to_4h", "h.mlp.c_proj": "mlp.dense_4h_to_h"}

DENSE = [
    Family("llama"),
    Family(
        "llama",
        {"attention_bias": True, "mlp_bias": True, "head_dim": 12, "tie_word_embeddings": True},
        {"bias": False, "qkv_bias": True, "out_bias": True, "mlp_bias": True, "head_dim": 12, "weight_tying": True},
        label="llama-biases",
    ),
    Family("mistral", {"sliding_window": 5}, {"layer_pattern": "L", "sliding_window": 5}),
    Family("qwen2", {}, {"qkv_bias": True}),
    Family("qwen3", {"head_dim": 10}, {"head_dim": 10, "qk_norm": "head"}),
    Family(
        "gemma",
        {"head_dim": 16, "tie_word_embeddings": True},
        {
            "head_dim": 16,
            "norm_scale": "one_plus_weight",
            "embedding_scale": 32**0.5,
            "activation": "gelu_tanh",
            "weight_tying": True,
        },
    ),
    Family(
        "gemma2",
        {
            "head_dim": 16,
            "sliding_window": 6,
            "query_pre_attn_scalar": 24,
            "attn_logit_softcapping": 3.0,
            "final_logit_softcapping": 5.0,
            "layer_types": ["sliding_attention", "full_attention"],
        },
        {
            "head_dim": 16,
            "norm_scale": "one_plus_weight",
            "embedding_scale": 32**0.5,
            "activation": "gelu_tanh",
            "norm_position": "sandwich",
            "layer_pattern": "LF",
            "sliding_window": 6,
            "attention_scale": 24**-0.5,
            "attention_softcap": 3.0,
            "logit_softcap": 5.0,
        },
        _NORMED_TWICE,
    ),
    Family(
        "gemma3_text",
        {
            "head_dim": 16,
            "sliding_window": 6,
            "query_pre_attn_scalar": 16,
            "layer_types": ["sliding_attention", "full_attention"],
            "rope_parameters": {
                "sliding_attention": {"rope_type": "default", "rope_theta": 1000.0},
                "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 50000.0},
            },
        },
        {
            "head_dim": 16,
            "norm_scale": "one_plus_weight",
            "embedding_scale": 32**0.5,
            "activation": "gelu_tanh",
            "norm_position": "sandwich",
            "layer_pattern": "LF",
            "sliding_window": 6,
            "qk_norm": "head",
            "rope_local_base": 1000.0,
            "rope_base": 50000.0,
            "rope_scaling": "linear",
            "rope_factor": 4.0,
            "rope_scaled_layers": "full",
        },
        _NORMED_TWICE,
    ),
    Family("olmo", {"clip_qkv": 0.7}, {"norm": "layer_norm", "norm_eps": 1e-5, "norm_scale": "none", "clip_qkv": 0.7}),
    Family(
        "olmo2",
        {},
        {"norm_eps": 1e-5, "qk_norm": "full", "norm_position": "branch"},
        {"h.ln_1": "post_attention_layernorm", "h.ln_2": "post_feedforward_layernorm"},
    ),
    Family(
        "phi",
        {"partial_rotary_factor": 0.5},
        {
            "norm": "layer_norm",
            "norm_eps": 1e-5,
            "bias": True,
            "qkv_bias": True,
            "gated": False,
            "activation": "gelu_tanh",
            "rope_fraction": 0.5,
            "norm_position": "parallel",
            "head_bias": True,
        },
        {
            "h.attn.c_proj": "self_attn.dense",
            "h.mlp.c_fc": "mlp.fc1",
            "h.mlp.c_proj": "mlp.fc2",
            "h.ln_1": "input_layernorm",
            "ln_f": "model.final_layernorm",
        },
    ),
    Family(
        "phi3",
        {"sliding_window": 7},
        {"norm_eps": 1e-5, "layer_pattern": "L", "sliding_window": 7},
        {
            "h.attn.c_attn": "self_attn.qkv_proj",
            "h.mlp.gate_proj": _half("mlp.gate_up_proj", 0),
            "h.mlp.up_proj": _half("mlp.gate_up_proj", 1),
        },
    ),
    Family(
        "gpt_neox",
        {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}},
        {
            **_GPT2_LIKE,
            "hidden_dim": _HIDDEN,
            "positions": "rotary",
            "rope_fraction": 0.5,
            "norm_position": "parallel_two",
            "activation": "gelu",
        },
        {
            "wte": "gpt_neox.embed_in",
            "ln_f": "gpt_neox.final_layer_norm",
            "h": "gpt_neox.layers",
            "h.attn.c_attn": _by_head("attention.query_key_value"),
            "h.attn.c_proj": "attention.dense",
            **_PLAIN_FEED_FORWARD,
        },
    ),
    Family(
        "gptj",
        {"rotary_dim": 4, "n_positions": _CONTEXT},
        {
            **_GPT2_LIKE,
            "positions": "rotary",
            "rope_fraction": 0.5,
            "rope_interleaved": True,
            "norm_position": "parallel",
            "qkv_bias": False,
            "out_bias": False,
            "head_bias": True,
        },
        {
            "wte": "transformer.wte",
            "ln_f": "transformer.ln_f",
            "h": "transformer.h",
            "h.ln_1": "ln_1",
            "h.attn.c_attn": ("attn.q_proj", "attn.k_proj", "attn.v_proj"),
            "h.attn.c_proj": "attn.out_proj",
            "h.mlp.c_fc": "mlp.fc_in",
            "h.mlp.c_proj": "mlp.fc_out",
        },
    ),
    *(
        Family(
            "bloom",
            {"num_attention_heads": heads, "hidden_size": 8 * heads, "tie_word_embeddings": True},
            {
                **_GPT2_LIKE,
                "positions": "alibi",
                "embedding_norm": True,
                "n_heads": heads,
                "emb_dim": 8 * heads,
                "weight_tying": True,
            },
            {
                "wte": "transformer.word_embeddings",
                "embed_norm": "transformer.word_embeddings_layernorm",
                "ln_f": "transformer.ln_f",
                "h": "transformer.h",
                "h.attn.c_attn": _by_head("self_attention.query_key_value", heads),
                "h.attn.c_proj": "self_attention.dense",
                **_PLAIN_FEED_FORWARD,
            },
            label=f"bloom-{heads}",
        )
        for heads in (4, 6)
    ),
    Family(
        "mpt",
        {
            "n_heads": 6,
            "d_model": 48,
            "n_layers": 2,
            "max_seq_len": _CONTEXT,
            "hidden_size": 48,
            "num_attention_heads": 6,
            "attn_config": {"clip_qkv": 0.9},
            "tie_word_embeddings": True,
        },
        {
            **_GPT2_LIKE,
            "positions": "alibi",
            "n_heads": 6,
            "emb_dim": 48,
            "bias": False,
            "qkv_bias": False,
            "activation": "gelu",
            "clip_qkv": 0.9,
            "weight_tying": True,
        },
        {
            "wte": "transformer.wte",
            "ln_f": "transformer.norm_f",
            "h": "transformer.blocks",
            "h.ln_1": "norm_1",
            "h.ln_2": "norm_2",
            "h.attn.c_attn": "attn.Wqkv",
            "h.attn.c_proj": "attn.out_proj",
            "h.mlp.c_fc": "ffn.up_proj",
            "h.mlp.c_proj": "ffn.down_proj",
        },
    ),
    Family(
        "falcon",
        {"alibi": True, "multi_query": False, "parallel_attn": False, "bias": True, "tie_word_embeddings": True},
        {
            **_GPT2_LIKE,
            "positions": "alibi",
            "alibi_scaled": True,
            "alibi_bf16": True,
            "activation": "gelu",
            "weight_tying": True,
        },
        {
            "wte": "transformer.word_embeddings",
            "ln_f": "transformer.ln_f",
            "h": "transformer.h",
            "h.attn.c_attn": _by_head("self_attention.query_key_value"),
            "h.attn.c_proj": "self_attention.dense",
            **_PLAIN_FEED_FORWARD,
        },
        label="falcon-alibi",
    ),
    Family(
        "falcon",
        {"tie_word_embeddings": True},
        {
            **_GPT2_LIKE,
            "positions": "rotary",
            "n_kv_groups": 1,
            "norm_position": "parallel",
            "bias": False,
            "qkv_bias": False,
            "norm_bias": True,
            "activation": "gelu",
            "weight_tying": True,
        },
        {
            "wte": "transformer.word_embeddings",
            "ln_f": "transformer.ln_f",
            "h": "transformer.h",
            "h.attn.c_attn": "self_attention.query_key_value",
            "h.attn.c_proj": "self_attention.dense",
            **_PLAIN_FEED_FORWARD,
        },
    ),
    Family(
        "opt",
        {"ffn_dim": _HIDDEN, "word_embed_proj_dim": 20, "tie_word_embeddings": True},
        {
            **_GPT2_LIKE,
            "hidden_dim": _HIDDEN,
            "activation": "relu",
            "position_offset": 2,
            "embedding_width": 20,
            "weight_tying": True,
        },
        {
            "wte": "model.decoder.embed_tokens",
            "wpe": "model.decoder.embed_positions",
            "embed_proj": "model.decoder.project_in",
            "head_proj": "model.decoder.project_out",
            "ln_f": "model.decoder.final_layer_norm",
            "h": "model.decoder.layers",
            "h.ln_1": "self_attn_layer_norm",
            "h.ln_2": "final_layer_norm",
            "h.attn.c_proj": "self_attn.out_proj",
            "h.mlp.c_fc": "fc1",
            "h.mlp.c_proj": "fc2",
        },
    ),
    Family(
        "xglm",
        {"ffn_dim": _HIDDEN, "num_layers": 2, "attention_heads": _HEADS, "d_model": _WIDTH},
        {
            **_GPT2_LIKE,
            "hidden_dim": _HIDDEN,
            "activation": "gelu",
            "positions": "sinusoidal",
            "position_offset": 2,
            "embedding_scale": 32**0.5,
        },
        {
            "ln_f": "model.layer_norm",
            "h.ln_1": "self_attn_layer_norm",
            "h.ln_2": "final_layer_norm",
            "h.attn.c_proj": "self_attn.out_proj",
            "h.mlp.c_fc": "fc1",
            "h.mlp.c_proj": "fc2",
        },
    ),
    Family(
        "gpt_bigcode",
        {"tie_word_embeddings": True},
        {**_GPT2_LIKE, "n_kv_groups": 1, "weight_tying": True},
        {
            "wte": "transformer.wte",
            "wpe": "transformer.wpe",
            "ln_f": "transformer.ln_f",
            "h": "transformer.h",
            "h.ln_1": "ln_1",
            "h.ln_2": "ln_2",
            "h.attn.c_attn": "attn.c_attn",
            "h.attn.c_proj": "attn.c_proj",
            "h.mlp.c_fc": "mlp.c_fc",
            "h.mlp.c_proj": "mlp.c_proj",
        },
    ),
    Family(
        "openai-gpt",
        {"n_positions": _CONTEXT, "tie_word_embeddings": True},
        {**_GPT2_LIKE, "norm_position": "post", "final_norm": False, "weight_tying": True},
        {
            "wte": "transformer.tokens_embed",
            "wpe": "transformer.positions_embed",
            "h": "transformer.h",
            "h.ln_1": "ln_1",
            "h.ln_2": "ln_2",
            "h.attn.c_attn": _turned("attn.c_attn"),
            "h.attn.c_proj": _turned("attn.c_proj"),
            "h.mlp.c_fc": _turned("mlp.c_fc"),
            "h.mlp.c_proj": _turned("mlp.c_proj"),
        },
    ),
    Family(
        "stablelm",
        {"qk_layernorm": True, "partial_rotary_factor": 0.25, "num_attention_heads": 2, "num_key_value_heads": 1},
        {
            "norm": "layer_norm",
            "norm_eps": 1e-5,
            "norm_bias": True,
            "qk_norm": "each_head",
            "qk_norm_bias": False,
            "rope_fraction": 0.25,
            "n_heads": 2,
            "n_kv_groups": 1,
        },
        {
            "h.attn.q_norm": _stacked("self_attn.q_layernorm.norms", 2),
            "h.attn.k_norm": _stacked("self_attn.k_layernorm.norms", 1),
        },
    ),
    Family(
        "cohere",
        {"use_qk_norm": True, "logit_scale": 0.3, "tie_word_embeddings": True},
        {
            "norm": "layer_norm",
            "norm_eps": 1e-5,
            "norm_position": "parallel",
            "qk_norm": "each_head",
            "rope_base": 500000.0,
            "rope_interleaved": True,
            "logit_scale": 0.3,
            "weight_tying": True,
        },
    ),
    Family(
        "cohere2",
        {
            "logit_scale": 0.3,
            "sliding_window": 4,
            "layer_types": ["sliding_attention", "full_attention"],
            "tie_word_embeddings": True,
        },
        {
            "norm": "layer_norm",
            "norm_eps": 1e-5,
            "norm_position": "parallel",
            "rope_interleaved": True,
            "logit_scale": 0.3,
            "layer_pattern": "LN",
            "sliding_window": 4,
            "weight_tying": True,
        },
    ),
    Family(
        "granite",
        {
            "embedding_multiplier": 3.0,
            "residual_multiplier": 0.4,
            "logits_scaling": 5.0,
            "attention_multiplier": 0.2,
        },
        {"embedding_scale": 3.0, "residual_scale": 0.4, "logit_scale": 1 / 5, "attention_scale": 0.2},
    ),
    Family(
        "starcoder2",
        {"sliding_window": 6},
        {
            "norm": "layer_norm",
            "norm_eps": 1e-5,
            "bias": True,
            "qkv_bias": True,
            "gated": False,
            "activation": "gelu_tanh",
            "layer_pattern": "L",
            "sliding_window": 6,
        },
        {"h.mlp.c_fc": "mlp.c_fc", "h.mlp.c_proj": "mlp.c_proj"},
    ),
    Family(
        "nemotron",
        {"partial_rotary_factor": 0.5},
        {
            "norm": "layer_norm",
            "norm_eps": 1e-5,
            "norm_bias": True,
            "norm_scale": "one_plus_weight",
            "gated": False,
            "activation": "relu2",
            "rope_fraction": 0.5,
        },
    ),
    Family(
        "persimmon",
        {"partial_rotary_factor": 0.5},
        {
            **_GPT2_LIKE,
            "hidden_dim": _HIDDEN,
            "positions": "rotary",
            "rope_fraction": 0.5,
            "activation": "relu2",
            "qk_norm": "head",
        },
        {
            "ln_f": "model.final_layernorm",
            "h.attn.c_attn": _by_head("self_attn.query_key_value"),
            "h.attn.c_proj": "self_attn.dense",
            "h.attn.q_norm": "self_attn.q_layernorm",
            "h.attn.k_norm": "self_attn.k_layernorm",
            **_PLAIN_FEED_FORWARD,
        },
    ),
    Family("helium", {"head_dim": 8}, {"norm_eps": 1e-8, "rope_interleaved": True, "rope_base": 100000.0}),
    Family(
        "glm",
        {"head_dim": 8, "partial_rotary_factor": 0.5, "attention_bias": True},
        {"norm_eps": 1.5625e-07, "rope_interleaved": True, "rope_fraction": 0.5, "qkv_bias": True},
        {"h.mlp.gate_proj": _half("mlp.gate_up_proj", 0), "h.mlp.up_proj": _half("mlp.gate_up_proj", 1)},
    ),
    Family(
        "glm4",
        {"head_dim": 8, "partial_rotary_factor": 0.5},
        {
            "norm_eps": 1.5625e-07,
            "rope_interleaved": True,
            "rope_fraction": 0.5,
            "qkv_bias": True,
            "norm_position": "sandwich",
        },
        {
            "h.ln_1_post": "post_self_attn_layernorm",
            "h.ln_2": "post_attention_layernorm",
            "h.ln_2_post": "post_mlp_layernorm",
            "h.mlp.gate_proj": _half("mlp.gate_up_proj", 0),
            "h.mlp.up_proj": _half("mlp.gate_up_proj", 1),
        },
    ),
    Family(
        "nanochat",
        {"final_logit_softcapping": 4.0},
        {
            "norm_scale": "none",
            "gated": False,
            "activation": "relu2",
            "rope_reversed": True,
            "qk_norm": "unscaled",
            "qk_norm_after_rope": True,
            "embedding_norm": True,
            "logit_softcap": 4.0,
        },
        {"h.mlp.c_fc": "mlp.fc1", "h.mlp.c_proj": "mlp.fc2"},
    ),
    Family("arcee", {}, {"norm_eps": 1e-5, "gated": False, "activation": "relu2"}),
    Family(
        "smollm3",
        {"no_rope_layers": [1, 0]},
        {"layer_pattern": "FN", "rope_base": 2000000.0},
    ),
    Family(
        "hunyuan_v1_dense",
        {"head_dim": 8},
        {"norm_eps": 1e-5, "qk_norm": "head", "qk_norm_after_rope": True},
        {"h.attn.q_norm": "self_attn.query_layernorm", "h.attn.k_norm": "self_attn.key_layernorm"},
    ),
    Family(
        "exaone4",
        {"sliding_window": 5, "layer_types": ["sliding_attention", "full_attention"], "head_dim": 8},
        {
            "norm_eps": 1e-5,
            "qk_norm": "head",
            "norm_position": "branch",
            "layer_pattern": "LN",
            "sliding_window": 5,
        },
        {"h.ln_1": "post_attention_layernorm", "h.ln_2": "post_feedforward_layernorm"},
    ),
    Family(
        "apertus",
        _rope("default"),
        {"norm_eps": 1e-5, "gated": False, "activation": "xielu", "qk_norm": "head"},
        {
            "h.ln_1": "attention_layernorm",
            "h.ln_2": "feedforward_layernorm",
            "h.mlp.act": "mlp.act_fn",
        },
    ),
]

_EXPERTS: dict[str, Any] = {"num_experts": 8, "num_experts_per_tok": 3, "moe_hidden_dim": 24}
_THEIR_EXPERTS = {"num_experts_per_tok": 3, "moe_intermediate_size": 24}
_EXPERT_NAMES: dict[str, Name] = {
    "h.mlp.router": "mlp.gate",
    "h.mlp.experts.gate_up_proj": "mlp.experts.gate_up_proj",
    "h.mlp.experts.down_proj": "mlp.experts.down_proj",
    "h.mlp.chosen.correction": "mlp.gate.e_score_correction_bias",
    **{f"h.mlp.shared.{ours}": f"mlp.shared_experts.{theirs}" for ours, theirs in (
        ("gate_proj", "gate_proj"), ("up_proj", "up_proj"), ("c_proj", "down_proj"),
    )},
}  # fmt: skip
_LATENT = {
    "kv_lora_rank": 16,
    "q_lora_rank": 12,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4,
    "v_head_dim": 6,
}
_LATENT_NAMES: dict[str, Name] = {
    "h.attn.q_a_proj": "self_attn.q_a_proj",
    "h.attn.q_a_norm": "self_attn.q_a_layernorm",
    "h.attn.q_b_proj": "self_attn.q_b_proj",
    "h.attn.q_proj": "self_attn.q_proj",
    "h.attn.kv_a_proj": "self_attn.kv_a_proj_with_mqa",
    "h.attn.kv_a_norm": "self_attn.kv_a_layernorm",
    "h.attn.kv_b_proj": "self_attn.kv_b_proj",
}

EXPERTS = [
    Family(
        "mixtral",
        {"num_local_experts": 8, "num_experts_per_tok": 3, "sliding_window": 9},
        {
            **_EXPERTS,
            "norm_eps": 1e-5,
            "rope_base": 1000000.0,
            "moe_hidden_dim": None,
            "router_renormalize": True,
            "layer_pattern": "L",
            "sliding_window": 9,
        },
        _EXPERT_NAMES,
    ),
    Family(
        "qwen2_moe",
        {**_THEIR_EXPERTS, "num_experts": 8, "shared_expert_intermediate_size": 20},
        {**_EXPERTS, "qkv_bias": True, "shared_hidden_dim": 20, "shared_gate": True},
        {
            **_EXPERT_NAMES,
            "h.mlp.shared.gate_proj": "mlp.shared_expert.gate_proj",
            "h.mlp.shared.up_proj": "mlp.shared_expert.up_proj",
            "h.mlp.shared.c_proj": "mlp.shared_expert.down_proj",
            "h.mlp.shared_gate": "mlp.shared_expert_gate",
        },
    ),
    Family(
        "qwen3_moe",
        {**_THEIR_EXPERTS, "num_experts": 8, "norm_topk_prob": True, "mlp_only_layers": [0], "head_dim": 8},
        {**_EXPERTS, "qk_norm": "head", "router_renormalize": True, "expert_pattern": "DE"},
        _EXPERT_NAMES,
    ),
    Family(
        "olmoe",
        {"num_experts_per_tok": 3, "num_experts": 8},
        {**_EXPERTS, "moe_hidden_dim": None, "norm_eps": 1e-5, "qk_norm": "full"},
        _EXPERT_NAMES,
    ),
    Family(
        "granitemoe",
        {"num_experts_per_tok": 3, "num_local_experts": 8, "attention_multiplier": 0.3},
        {**_EXPERTS, "moe_hidden_dim": None, "router": "softmax_chosen", "attention_scale": 0.3},
        {
            "h.mlp.router": "block_sparse_moe.router",
            "h.mlp.experts.gate_up_proj": "block_sparse_moe.experts.gate_up_proj",
            "h.mlp.experts.down_proj": "block_sparse_moe.experts.down_proj",
        },
    ),
    Family(
        "gpt_oss",
        {
            "num_experts_per_tok": 3,
            "num_local_experts": 8,
            "head_dim": 8,
            "sliding_window": 6,
            "swiglu_limit": 0.8,
            "layer_types": ["sliding_attention", "full_attention"],
            "rope_parameters": {
                "rope_type": "yarn",
                "factor": 4.0,
                "beta_fast": 32.0,
                "beta_slow": 1.0,
                "truncate": False,
                "original_max_position_embeddings": 16,
                "rope_theta": 150000.0,
            },
        },
        {
            **_EXPERTS,
            "moe_hidden_dim": None,
            "norm_eps": 1e-5,
            "qkv_bias": True,
            "out_bias": True,
            "router": "softmax_chosen",
            "router_bias": True,
            "expert_bias": True,
            "glu_limit": 0.8,
            "attention_sinks": True,
            "layer_pattern": "LF",
            "sliding_window": 6,
            "rope_base": 150000.0,
            "rope_scaling": "yarn",
            "rope_factor": 4.0,
            "rope_truncate": False,
            "rope_original_length": 16,
        },
        {
            "h.mlp.router": "mlp.router",
            "h.attn.softmax.sinks": "self_attn.sinks",
            "h.mlp.experts.gate_up_proj": _swapped("mlp.experts.gate_up_proj", neighbours=True),
            "h.mlp.experts.gate_up_proj_bias": _swapped("mlp.experts.gate_up_proj_bias", neighbours=True),
            "h.mlp.experts.down_proj": _swapped("mlp.experts.down_proj"),
            "h.mlp.experts.down_proj_bias": "mlp.experts.down_proj_bias",
        },
    ),
    Family(
        "deepseek_v2",
        {
            **_THEIR_EXPERTS,
            **_LATENT,
            "q_lora_rank": None,
            "n_routed_experts": 8,
            "n_shared_experts": 2,
            "num_key_value_heads": _HEADS,
            "topk_method": "group_limited_greedy",
            "n_group": 4,
            "topk_group": 2,
            "routed_scaling_factor": 1.7,
            "head_dim": 4,
        },
        {
            **_EXPERTS,
            **_LATENT,
            "q_lora_rank": None,
            "n_kv_groups": None,
            "shared_hidden_dim": 48,
            "router_groups": 4,
            "router_top_groups": 2,
            "router_group_score": 1,
            "router_scale": 1.7,
            "rope_interleaved": True,
        },
        {**_EXPERT_NAMES, **_LATENT_NAMES},
    ),
    Family(
        "deepseek_v3",
        {
            **_THEIR_EXPERTS,
            **_LATENT,
            "n_routed_experts": 8,
            "n_shared_experts": 1,
            "num_key_value_heads": _HEADS,
            "n_group": 4,
            "topk_group": 2,
            "first_k_dense_replace": 1,
            "rope_parameters": {
                "rope_type": "yarn",
                "factor": 4.0,
                "mscale": 1.0,
                "mscale_all_dim": 0.7,
                "original_max_position_embeddings": 16,
                "rope_theta": 10000.0,
            },
        },
        {
            **_EXPERTS,
            **_LATENT,
            "n_kv_groups": None,
            "shared_hidden_dim": 24,
            "expert_pattern": "DE",
            "router": "sigmoid",
            "router_correction": "buffer",
            "router_renormalize": True,
            "router_groups": 4,
            "router_top_groups": 2,
            "router_scale": 2.5,
            "rope_interleaved": True,
            "rope_scaling": "yarn",
            "rope_factor": 4.0,
            "rope_mscale": 1.0,
            "rope_mscale_all_dim": 0.7,
            "rope_original_length": 16,
        },
        {**_EXPERT_NAMES, **_LATENT_NAMES},
    ),
    Family(
        "glm4_moe",
        {
            **_THEIR_EXPERTS,
            "n_routed_experts": 8,
            "n_group": 1,
            "topk_group": 1,
            "use_qk_norm": True,
            "head_dim": 8,
            "attention_bias": True,
        },
        {
            **_EXPERTS,
            "norm_eps": 1e-5,
            "rope_fraction": 0.5,
            "qkv_bias": True,
            "qk_norm": "head",
            "shared_hidden_dim": 24,
            "expert_pattern": "DE",
            "router": "sigmoid",
            "router_correction": "buffer",
            "router_renormalize": True,
        },
        _EXPERT_NAMES,
    ),
    Family(
        "dots1",
        {**_THEIR_EXPERTS, "n_routed_experts": 8, "n_shared_experts": 1, "n_group": 2, "topk_group": 1, "head_dim": 8},
        {
            **_EXPERTS,
            "qk_norm": "head",
            "shared_hidden_dim": 24,
            "router": "sigmoid",
            "router_correction": "buffer",
            "router_groups": 2,
        },
        _EXPERT_NAMES,
    ),
    Family(
        "ernie4_5_moe",
        {
            "moe_k": 3,
            "moe_num_experts": 8,
            "moe_intermediate_size": 24,
            "moe_num_shared_experts": 2,
            "moe_norm_min": 0.9,
        },
        {
            **_EXPERTS,
            "norm_eps": 1e-5,
            "rope_base": 500000.0,
            "rope_interleaved": True,
            "shared_hidden_dim": 48,
            "expert_pattern": "DE",
            "router_correction": "parameter",
            "router_renormalize": True,
            "router_norm_min": 0.9,
        },
        {
            **_EXPERT_NAMES,
            "h.mlp.chosen.correction": (
                lambda state, prefix, leaf: state[f"{prefix}mlp.gate.moe_statics.e_score_correction_bias"][0]
            ),
        },
    ),
    Family(
        "minimax_m2",
        {"num_experts_per_tok": 3, "num_local_experts": 8, "head_dim": 8, "rotary_dim": 4},
        {
            **_EXPERTS,
            "moe_hidden_dim": None,
            "rope_base": 5000000.0,
            "rope_fraction": 0.5,
            "qk_norm": "full",
            "router": "sigmoid",
            "router_correction": "buffer",
            "router_renormalize": True,
        },
        {**_EXPERT_NAMES, "h.mlp.chosen.correction": "mlp.e_score_correction_bias"},
    ),
    Family(
        "llama4_text",
        {
            "num_experts_per_tok": 2,
            "num_local_experts": 8,
            "head_dim": 8,
            "attention_chunk_size": 7,
            "no_rope_layers": [1, 0],
            "layer_types": ["chunked_attention", "full_attention"],
            "floor_scale": 4,
            "attn_scale": 0.3,
            "intermediate_size_mlp": 40,
        },
        {
            **_EXPERTS,
            "num_experts_per_tok": 2,
            "moe_hidden_dim": None,
            "norm_eps": 1e-5,
            "rope_base": 500000.0,
            "rope_interleaved": True,
            "qk_norm": "unscaled",
            "qk_norm_after_rope": True,
            "shared_hidden_dim": _HIDDEN,
            "router": "sigmoid_input",
            "layer_pattern": "CN",
            "attention_chunk": 7,
            "temperature_floor": 4.0,
            "temperature_scale": 0.3,
        },
        {
            "h.mlp.router": "feed_forward.router",
            "h.mlp.experts.gate_up_proj": _swapped("feed_forward.experts.gate_up_proj"),
            "h.mlp.experts.down_proj": _swapped("feed_forward.experts.down_proj"),
            "h.mlp.shared.gate_proj": "feed_forward.shared_expert.gate_proj",
            "h.mlp.shared.up_proj": "feed_forward.shared_expert.up_proj",
            "h.mlp.shared.c_proj": "feed_forward.shared_expert.down_proj",
        },
    ),
    Family(
        "phimoe",
        {
            "num_experts_per_tok": 2,
            "num_local_experts": 8,
            "router_jitter_noise": 0.2,
            "attention_bias": True,
            "lm_head_bias": True,
        },
        {
            **_EXPERTS,
            "num_experts_per_tok": 2,
            "moe_hidden_dim": None,
            "norm": "layer_norm",
            "norm_eps": 1e-5,
            "norm_bias": True,
            "qkv_bias": True,
            "out_bias": True,
            "head_bias": True,
            "rope_base": 1000000.0,
            "router": "sparsemixer",
            "router_jitter": 0.2,
        },
        {**_EXPERT_NAMES, "h.mlp.router": "mlp.router"},
    ),
]


def _varied(label: str, kind: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Family:
    """Return a family of above with other settings."""
    usual = next(each for each in DENSE + EXPERTS if each.name == kind)
    return replace(usual, label=label, theirs={**usual.theirs, **theirs}, ours={**usual.ours, **ours})


# Layers without positions that have a window or chunks, and rotation that is stretched in local layers alone.
DENSE += [
    _varied(
        "smollm3-window",
        "smollm3",
        {"use_sliding_window": True, "sliding_window": 5},
        {"layer_pattern": "FM", "sliding_window": 5},
    ),
    _varied(
        "gemma3-local-stretched",
        "gemma3_text",
        {
            "rope_parameters": {
                "sliding_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1000.0},
                "full_attention": {"rope_type": "default", "rope_theta": 50000.0},
            }
        },
        {"rope_scaled_layers": "local"},
    ),
]
EXPERTS += [
    _varied(
        "llama4-chunks-unplaced",
        "llama4_text",
        {"layer_types": ["full_attention", "chunked_attention"]},
        {"layer_pattern": "FO"},
    ),
]
FAMILIES = DENSE + EXPERTS

_YARN = {"factor": 4.0, "original_max_position_embeddings": 16}
_SHORT, _LONG = [1.0, 1.1, 1.3, 1.7], [1.0, 2.0, 5.0, 9.0]
_STRETCHED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "linear": ({"factor": 4.0}, {}),
    "dynamic": ({"factor": 4.0}, {}),
    "llama3": (
        {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
        {"rope_original_length": 32, "rope_low_freq_factor": 1.0, "rope_high_freq_factor": 4.0},
    ),
    "llama3-one-bound": (  # as Llama 4 Scout has it: nothing lies between the bounds
        {"factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 1.0, "original_max_position_embeddings": 32},
        {"rope_original_length": 32, "rope_low_freq_factor": 1.0, "rope_high_freq_factor": 1.0},
    ),
    "yarn": (_YARN, {"rope_original_length": 16}),
    "yarn-bounds": (
        {**_YARN, "beta_fast": 4.0, "beta_slow": 0.5, "truncate": False},
        {"rope_original_length": 16, "rope_beta_fast": 4.0, "rope_beta_slow": 0.5, "rope_truncate": False},
    ),
    "yarn-mscale": (
        {**_YARN, "mscale": 0.9, "mscale_all_dim": 0.4},
        {"rope_original_length": 16, "rope_mscale": 0.9, "rope_mscale_all_dim": 0.4},
    ),
    "yarn-factor": (
        {**_YARN, "attention_factor": 1.3},
        {"rope_original_length": 16, "rope_attention_factor": 1.3},
    ),
}

SCALINGS = [
    *(
        Family(
            "llama",
            _rope(name.partition("-")[0], **theirs),
            {"rope_scaling": name.partition("-")[0], "rope_factor": theirs["factor"], **ours},
            label=name,
        )
        for name, (theirs, ours) in _STRETCHED.items()
    ),
    Family(
        "phi3",
        {
            **_rope("longrope", short_factor=_SHORT, long_factor=_LONG, original_max_position_embeddings=16),
            "original_max_position_embeddings": 16,
        },
        {
            "norm_eps": 1e-5,
            "rope_scaling": "longrope",
            "rope_factor": 4.0,
            "rope_original_length": 16,
            "rope_short_factors": ",".join(map(str, _SHORT)),
            "rope_long_factors": ",".join(map(str, _LONG)),
        },
        {
            "h.attn.c_attn": "self_attn.qkv_proj",
            "h.mlp.gate_proj": _half("mlp.gate_up_proj", 0),
            "h.mlp.up_proj": _half("mlp.gate_up_proj", 1),
        },
        label="longrope",
    ),
]
