"""Random sizes and settings of every family: as many parameters as transformers' own modules have."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gptcli.analysis.conventions import Convention, count_by
from gptcli.analysis.params import count_active, count_parameters
from gptcli.architecture import describe
from gptcli.config import KEYS, ModelConfig, load_config
from gptcli.config.dialects.huggingface._translate import known_families
from gptcli.config.pattern import letters
from gptcli.errors import InputProblemsError

pytestmark = pytest.mark.parity

SEEDS = range(3)
WIDTHS = (8, 10, 12, 16, 20, 24)
FLAGS = {
    "tie_word_embeddings", "attention_bias", "mlp_bias", "use_bias", "bias", "use_qkv_bias", "qkv_bias", "use_qk_norm",
    "qk_layernorm", "use_parallel_residual", "enable_bias", "layer_norm_elementwise_affine", "do_layer_norm_before",
    "new_decoder_architecture", "multi_query", "alibi", "lm_head_bias", "attention_out_bias", "norm_topk_prob",
    "use_sliding_window", "attn_temperature_tuning", "scale_embedding", "rope_interleave",
}  # fmt: skip
# Families whose heads fill the embedding's width, whatever the class's head_dim says.
FILLED = {"helium", "stablelm", "persimmon", "phi", "nemotron", "phi3"}


def drawn(model_type: str, seed: int) -> dict[str, Any]:
    """Draw a config: sizes small and odd, flags at random."""
    from transformers import AutoConfig

    rng = random.Random(f"{model_type} {seed}")
    known = AutoConfig.for_model(model_type)
    keys = {*known.to_dict(), *type(known).__dataclass_fields__}
    heads, width = rng.choice((2, 3, 4, 6)), rng.choice(WIDTHS)
    shared = rng.choice([each for each in range(1, heads + 1) if heads % each == 0])
    layers, experts = rng.randint(1, 7), rng.choice((4, 8, 12))
    free = "head_dim" in keys and model_type not in FILLED
    hidden = rng.randint(2, 9) * heads * 4 if free else heads * width
    found: dict[str, Any] = {key: rng.random() < 0.5 for key in sorted(FLAGS & keys)}
    sizes: dict[str, Any] = {
        "vocab_size": rng.randint(31, 999),
        **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len"), rng.randint(16, 99)),
        **dict.fromkeys(("hidden_size", "n_embd", "d_model"), hidden),
        **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"), heads),
        **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), layers),
        **dict.fromkeys(("num_key_value_heads", "num_kv_heads"), shared),
        **{key: rng.randint(5, 99) for key in ("intermediate_size", "intermediate_size_mlp", "n_inner", "ffn_dim")},
        **{key: rng.randint(5, 99) for key in ("ffn_hidden_size", "moe_intermediate_size")},
        "shared_expert_intermediate_size": rng.randint(5, 99),
        "head_dim": width,
        "rotary_dim": width // 4 * 2,
        **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), experts),
        **dict.fromkeys(("num_experts_per_tok", "moe_k"), 2),
        **dict.fromkeys(("n_shared_experts", "moe_num_shared_experts"), rng.randint(1, 3)),
        "n_group": 2, "topk_group": 1, "first_k_dense_replace": rng.randint(0, layers),
        "decoder_sparse_step": rng.randint(1, 3), "mlp_only_layers": [rng.randrange(layers)],
        "moe_layer_start_index": rng.randint(0, 2), "moe_layer_interval": rng.randint(1, 2),
        "interleave_moe_layer_step": rng.randint(1, 3), "no_rope_layer_interval": rng.randint(2, 4),
        "kv_lora_rank": rng.randint(3, 19), "q_lora_rank": rng.choice((None, 11)), "qk_nope_head_dim": 6,
        "qk_rope_head_dim": 4, "v_head_dim": rng.randint(3, 9), "word_embed_proj_dim": rng.choice((hidden, 10)),
        "sliding_window": 8, "window_size": 8, "attention_chunk_size": 8, "max_window_layers": rng.randint(0, layers),
        "attention_types": [[["global"], layers]], "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    found |= {key: value for key, value in sizes.items() if key in keys}
    if model_type in ("deepseek_v2", "deepseek_v3"):
        found |= {"num_key_value_heads": heads}
        found.pop("head_dim", None)
    if model_type == "smollm3":
        found["use_sliding_window"] = False
    if model_type == "exaone4" and seed % 2:
        found["layer_types"] = [rng.choice(("sliding_attention", "full_attention")) for _ in range(layers)]
    return found


def built(config: Any) -> tuple[int, int]:
    """Return the parameters of transformers' modules, and those of experts that a token does not visit."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return sum(each.numel() for each in model.parameters()), sum(
        module.gate_up_proj[0].numel()
        + module.down_proj[0].numel()
        + sum(each[0].numel() for name, each in module.named_parameters() if name.endswith("bias"))
        for module in model.modules()
        if hasattr(module, "gate_up_proj") and module.gate_up_proj.__class__.__name__ == "Parameter"
    )


def read(document: dict[str, Any], folder: Path) -> ModelConfig:
    path = folder / "config.json"
    path.write_text(json.dumps(document))
    return load_config(str(path), set_values=["name=x"], environ={}).config


def spelled_out(config: ModelConfig) -> ModelConfig:
    """Return a config that says what it leaves open, its patterns layer by layer."""
    return replace(
        config,
        layer_pattern=repeated(config.layer_pattern, config.n_layers),
        expert_pattern=repeated(config.expert_pattern, config.n_layers),
        n_kv_groups=config.n_kv_groups or config.n_heads,
        hidden_dim=config.hidden_dim or 4 * config.emb_dim,
        head_dim=config.head_dim or config.emb_dim // config.n_heads,
    )


def repeated(pattern: str, layers: int) -> str:
    word = letters(pattern)
    return (word * layers)[:layers]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("model_type", known_families())
def test_random_configs_have_the_parameters_of_transformers(model_type: str, seed: int, tmp_path: Path) -> None:
    from transformers import AutoConfig

    given = drawn(model_type, seed)
    config = AutoConfig.for_model(model_type, **given)
    total, an_expert = built(config)
    short = read({"model_type": model_type, **given}, tmp_path)
    written = read(json.loads(config.to_json_string(use_diff=False)), tmp_path)
    assert spelled_out(short) == spelled_out(written)
    for ours in (short, written):
        network = describe(ours)
        assert count_parameters(network) == total
        left = (ours.num_experts - ours.num_experts_per_tok) * an_expert
        assert count_active(network) == total - left


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("model_type", known_families())
def test_windows_are_where_the_cache_of_transformers_has_them(model_type: str, seed: int, tmp_path: Path) -> None:
    from transformers import AutoConfig, DynamicCache

    given = drawn(model_type, seed)
    kept = DynamicCache(config=AutoConfig.for_model(model_type, **given)).layers
    ours = read({"model_type": model_type, **given}, tmp_path)
    local = [letter in "LC" for letter in repeated(ours.layer_pattern, ours.n_layers)]
    assert local == [getattr(layer, "is_sliding", False) for layer in kept]


FACTORS = {"short_factor": [1.0, 1.5], "long_factor": [2.0, 4.0]}
SCALINGS: list[dict[str, Any]] = [
    {"type": "linear", "factor": 2.5},
    {"rope_type": "dynamic", "factor": 3.0},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 2, "high_freq_factor": 5,
     "original_max_position_embeddings": 16},
    {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 30, "mscale": 0.7,
     "mscale_all_dim": 1.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "attention_factor": 1.1,
     "truncate": False},
    {"type": "longrope", "original_max_position_embeddings": 16, **FACTORS},
    {"rope_type": "longrope", "factor": 2.0, "original_max_position_embeddings": 16, "attention_factor": 1.2,
     **FACTORS},
]  # fmt: skip
ROTATED = [
    *("llama", "mistral", "mixtral", "qwen2", "qwen3", "gemma", "granite", "olmo2", "olmo3", "gemma3_text", "glm"),
    *("nemotron", "stablelm", "gpt_neox", "falcon", "gpt_oss", "smollm3", "cohere", "seed_oss", "minimax_m2", "phi"),
]


@pytest.mark.parametrize("model_type", ROTATED)
@pytest.mark.parametrize("scaling", SCALINGS, ids=str)
def test_older_keys_of_rotation_mean_what_transformers_makes_of_them(
    model_type: str, scaling: dict[str, Any], tmp_path: Path
) -> None:
    from copy import deepcopy

    from transformers import AutoConfig

    sizes = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 4, "max_position_embeddings": 64}
    keys = AutoConfig.for_model(model_type).to_dict()
    head = {key: value for key, value in (("head_dim", 8), ("num_key_value_heads", 4)) if key in keys}
    whole = model_type not in ("glm", "nemotron", "phi", "stablelm", "gpt_neox", "minimax_m2")
    share = {} if whole else {"rotary_pct" if model_type == "gpt_neox" else "partial_rotary_factor": 0.5}
    factors = {key: value * (1 if not whole else 2) for key, value in scaling.items() if key in FACTORS}
    base = {"rotary_emb_base" if model_type == "gpt_neox" else "rope_theta": 12345.0}
    older = {**sizes, **head, **share, **base, "rope_scaling": {**scaling, **factors}}
    newer = AutoConfig.for_model(model_type, **deepcopy(older))
    ours = read({"model_type": model_type, **older}, tmp_path)
    again = read(json.loads(newer.to_json_string(use_diff=False)), tmp_path)
    rotation = [key for key in KEYS if key.startswith("rope_")]
    assert {key: getattr(ours, key) for key in rotation} == {key: getattr(again, key) for key in rotation}
    assert ours.rope_base == 12345.0
    by_layers = model_type in ("olmo3", "gemma3_text")  # they read the newer name alone
    assert ours.rope_scaling == scaling.get("rope_type", "none" if by_layers else scaling.get("type"))


@pytest.mark.parametrize("kind", ["su", "yarn", "longrope"])
def test_phi3_is_stretched_by_longrope_from_the_length_beside_it(kind: str, tmp_path: Path) -> None:
    """Whatever the mapping says of the original length, the key beside it goes first."""
    from copy import deepcopy

    from transformers import AutoConfig

    factors = {"short_factor": [1.0] * 4, "long_factor": [2.0] * 4}
    scaling = {"type": kind, "original_max_position_embeddings": 32, **factors}
    older = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "max_position_embeddings": 64,
             "original_max_position_embeddings": 16, "num_key_value_heads": 4, "rope_scaling": scaling}  # fmt: skip
    config = AutoConfig.for_model("phi3", **deepcopy(older))
    built(config)
    ours = read({"model_type": "phi3", **older}, tmp_path)
    theirs = config.rope_parameters
    assert (ours.rope_scaling, ours.rope_original_length) == (theirs["rope_type"], 16)
    assert theirs["original_max_position_embeddings"] == 16
    assert (ours.rope_factor, ours.rope_short_factors) == (64 / 16, "1.0,1.0,1.0,1.0")


def test_an_odd_part_of_a_head_is_rotated_by_its_own_frequencies(tmp_path: Path) -> None:
    import torch
    from transformers import GlmConfig
    from transformers.models.glm.modeling_glm import GlmRotaryEmbedding

    older: dict[str, Any] = {"hidden_size": 40, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 10}
    theirs = GlmRotaryEmbedding(GlmConfig(**older)).inv_freq
    ours = read({"model_type": "glm", **older}, tmp_path)
    assert int(10 * ours.rope_fraction) == 2 * len(theirs) == 6
    torch.testing.assert_close(ours.rope_base ** (-torch.arange(0, 6, 2) / 6), theirs)
    with pytest.raises(InputProblemsError, match=r"but 5 of a head's 10 numbers are no whole pairs"):
        read({"model_type": "glm", **older, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, tmp_path)


def test_layers_for_multi_token_prediction_are_counted_as_transformers_builds_them(tmp_path: Path) -> None:
    from transformers import DeepseekV3Config, DeepseekV3ForCausalLM
    from transformers.modeling_layers import MtpModel

    keys: dict[str, Any] = {
        "vocab_size": 61, "hidden_size": 48, "intermediate_size": 80, "moe_intermediate_size": 20,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "n_routed_experts": 8, "n_group": 2,
        "topk_group": 1, "num_experts_per_tok": 2, "kv_lora_rank": 12, "q_lora_rank": 20, "qk_rope_head_dim": 8,
        "v_head_dim": 16, "qk_nope_head_dim": 16, "first_k_dense_replace": 1, "num_nextn_predict_layers": 2,
    }  # fmt: skip
    ahead = MtpModel(DeepseekV3ForCausalLM(DeepseekV3Config(**keys)), 2)
    own = sum(each.numel() for name, each in ahead.named_parameters() if name.startswith("layers."))
    network = describe(read({"model_type": "deepseek_v3", **keys}, tmp_path))
    assert count_by(network, Convention(ahead="unique")) - count_by(network, Convention()) == own
