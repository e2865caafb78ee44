"""Every family with the weights of transformers' own model of it: the same logits, and the same text."""

from pathlib import Path
from typing import Any, get_args

import pytest

from gptcli.architecture import AttentionPath
from gptcli.config import ModelConfig
from gptcli.model.generate import generate
from tests.parity.families import (
    FAMILIES,
    LARGE,
    LIVELY,
    SMALL_INPUTS,
    config_of,
    continued,
    error,
    logits_of,
    ours,
    peer_of,
    saved,
    texts,
)

pytestmark = [pytest.mark.parity, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TOLERANCE = 1e-4  # of the largest logit
TOKENS = 40
NEW = 40
PROMPT = 11
DISTINCT = 10

_SHORT = {"original_max_position_embeddings": 16}
_OLD_FALCON = {"new_decoder_architecture": False, "num_kv_heads": None, "num_ln_in_parallel_attn": None}


def _rope(kind: str, **keys: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **keys}}


# Settings that the small models of the data do not have.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "mistral window": ("mistral", {"sliding_window": 7}),
    "mixtral window": ("mixtral", {"sliding_window": 7}),
    "phi3 window": ("phi3", {"sliding_window": 7}),
    "phimoe window": ("phimoe", {"sliding_window": 7}),
    "qwen2 window": ("qwen2", {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 2}),
    "qwen3 window": ("qwen3", {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 2}),
    "starcoder2 window": ("starcoder2", {"sliding_window": 7}),
}


# Of others the logits alone are compared: rotation that is stretched, past the original length too, and what a setting
# of the class puts otherwise.
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("llama", _rope("linear", factor=3.0)),
    "dynamic": ("llama", {**_rope("dynamic", factor=3.0), "max_position_embeddings": 16}),
    "llama3": ("llama", _rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, **_SHORT)),
    "yarn": ("llama", _rope("yarn", factor=4.0, **_SHORT)),
    "yarn, its factor said": ("llama", _rope("yarn", factor=4.0, attention_factor=0.7, **_SHORT)),
    "yarn in a part of the head": ("glm4_moe", _rope("yarn", factor=4.0, partial_rotary_factor=0.5, **_SHORT)),
    "yarn in latent attention": ("deepseek_v3", _rope("yarn", factor=4.0, mscale=0.7, mscale_all_dim=1.0, **_SHORT)),
    "yarn in full layers alone": ("olmo3", _rope("yarn", factor=4.0, **_SHORT)),
    "longrope": (
        "phi3",
        {
            **_rope(
                "longrope",
                short_factor=[1 + i / 10 for i in range(20)],
                long_factor=[1 + i / 2 for i in range(20)],
            ),
            "max_position_embeddings": 128,
            "original_max_position_embeddings": 16,
        },
    ),
    "falcon-7b": ("falcon", {**_OLD_FALCON, "multi_query": True, "parallel_attn": True}),
    "falcon-rw": ("falcon", {**_OLD_FALCON, "multi_query": False, "parallel_attn": False, "alibi": True, "bias": True}),
    "falcon-11b": ("falcon", {"num_ln_in_parallel_attn": 1}),
    "bigcode with all heads": ("gpt_bigcode", {"multi_query": False}),
    "opt with norms before": ("opt", {"do_layer_norm_before": True}),
    "opt without projections": ("opt", {"word_embed_proj_dim": 144}),
    "stablelm in parallel": ("stablelm", {"use_parallel_residual": True}),
    "phi with normed heads": ("phi", {"qk_layernorm": True}),
    "olmo, cut": ("olmo", {"clip_qkv": 0.5}),
    "cohere with normed heads": ("cohere", {"use_qk_norm": True}),
    "neox one after the other": ("gpt_neox", {"use_parallel_residual": False}),
    "deepseek without a query latent": ("deepseek_v3", {"q_lora_rank": None}),
    "deepseek, halves rotated": ("deepseek_v3", {"rope_interleave": False}),
    "deepseek in groups": ("deepseek_v2", {"topk_method": "group_limited_greedy", "n_group": 2, "topk_group": 1}),
    "qwen every second layer": ("qwen3_moe", {"decoder_sparse_step": 2, "norm_topk_prob": True}),
    "mpt, cut": ("mpt", {"attn_config": {"clip_qkv": 0.5}}),
    "gpt2 of another width": ("gpt2", {"n_inner": 77}),
    "llama4, tempered": ("llama4_text", {"floor_scale": 4, "attn_scale": 0.5}),
    "glm with normed heads": ("glm4_moe", {"use_qk_norm": True}),
    "dots in windows": ("dots1", {"sliding_window": 7, "max_window_layers": 2}),
}
CASES = [*FAMILIES, *VARIANTS]
PATHS: tuple[AttentionPath, ...] = get_args(AttentionPath)


def _config(case: str) -> Any:
    family, changed = {**VARIANTS, **OTHERS}.get(case, (case, {}))
    return config_of(family, **changed)


@pytest.mark.parametrize("case", OTHERS)
def test_logits_of_other_settings(case: str, tmp_path: Path) -> None:
    peer = peer_of(_config(case))
    recognised = saved(peer, tmp_path)
    if case == "falcon-rw":  # transformers' own steps add the slopes twice, to the mask and to the scores
        peer = type(peer).from_pretrained(tmp_path, attn_implementation="sdpa").eval()
    ids = texts(peer, TOKENS)
    expected = logits_of(peer, ids)
    for path in PATHS:
        assert error(logits_of(ours(recognised, path), ids), expected) < TOLERANCE, path


@pytest.mark.parametrize("case", CASES)
def test_logits_and_text_are_those_of_transformers(case: str, tmp_path: Path) -> None:
    config = _config(case)
    peers = (peer_of(config, draw) for draw in LIVELY)
    texts_ = ((peer, continued(peer, texts(peer, PROMPT, 1), NEW)) for peer in peers)
    peer, text = next((peer, text) for peer, text in texts_ if len(set(text)) >= DISTINCT)
    recognised = saved(peer, tmp_path)
    ids = texts(peer, TOKENS)
    expected = logits_of(peer, ids)
    for path in PATHS:
        network = ours(recognised, path)
        assert error(logits_of(network, ids), expected) < TOLERANCE
        found, _ = generate(network, texts(peer, PROMPT, 1).tolist(), max_new_tokens=NEW)
        assert found[0].ids == text


def planted(config: ModelConfig) -> dict[str, dict[str, Any]]:
    """Return small errors that a config allows for: by what they are called, the keys that they change."""
    found: dict[str, dict[str, Any]] = {"eps": {"norm_eps": 10 * config.norm_eps}}
    width = config.head_dim or config.emb_dim // config.n_heads
    if config.kv_lora_rank:
        width = config.qk_nope_head_dim + config.qk_rope_head_dim
    found["scale of scores"] = {"attention_scale": 1.02 * (config.attention_scale or width**-0.5)}
    if config.positions == "rotary":
        found["base"] = {"rope_base": 1.1 * config.rope_base}
    if "L" in config.layer_pattern and config.sliding_window:
        found["window"] = {"sliding_window": config.sliding_window + 1}
    if "C" in config.layer_pattern and config.attention_chunk:
        found["chunk"] = {"attention_chunk": config.attention_chunk + 1}
    if config.positions == "alibi":
        found["slopes"] = {"alibi_max": 1.02 * config.alibi_max}
    if config.positions in ("learned", "sinusoidal"):
        found["activation"] = {"activation": "silu" if config.activation != "silu" else "gelu"}
    return found


@pytest.mark.parametrize("case", CASES)
def test_planted_errors_exceed_the_tolerance(case: str, tmp_path: Path) -> None:
    """A norm's eps shows where its inputs are small, all else where they are not."""
    config = _config(case)
    sizes: dict[str, float] = {}
    for draw, small in ((LARGE, False), (SMALL_INPUTS, True)):
        peer = peer_of(config, draw)
        recognised = saved(peer, tmp_path / str(small))
        ids = texts(peer, TOKENS)
        expected = logits_of(peer, ids)
        assert error(logits_of(ours(recognised), ids), expected) < TOLERANCE
        assert recognised.config is not None
        errors = {name: keys for name, keys in planted(recognised.config).items() if (name == "eps") == small}
        sizes |= {name: error(logits_of(ours(recognised, **keys), ids), expected) for name, keys in errors.items()}
    assert len(sizes) >= 3
    assert {name: size for name, size in sizes.items() if not size > TOLERANCE} == {}
