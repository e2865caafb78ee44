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


CASES = [*FAMILIES, *VARIANTS]
PATHS: tuple[AttentionPath, ...] = get_args(AttentionPath)


def _config(case: str) -> Any:
    family, changed = VARIANTS.get(case, (case, {}))
    return config_of(family, **changed)


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
