"""Dictionaries of the lecture's author for later models, with the counts that his notebooks print."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from gptcli.analysis.params import count_parameters
from gptcli.architecture import describe
from gptcli.config import load_config
from gptcli.errors import InputProblemsError

_SIZES = {"vocab_size": 50257, "context_length": 1024, "emb_dim": 768, "n_heads": 12, "n_layers": 12}
_GPT2 = {**_SIZES, "drop_rate": 0.0, "qkv_bias": False}
_ROPE = {"factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_context_length": 8192}
_SLIDING, _FULL = "sliding_attention", "full_attention"
LLAMA2 = {
    "vocab_size": 32000, "context_length": 4096, "emb_dim": 4096, "n_heads": 32, "n_layers": 32, "hidden_dim": 11008,
    "dtype": "torch.bfloat16",
}  # fmt: skip
LLAMA3 = {**LLAMA2, "vocab_size": 128256, "hidden_dim": 14336, "n_kv_groups": 8, "rope_base": 5e5, "rope_freq": None}
LLAMA32 = {**LLAMA3, "emb_dim": 2048, "n_layers": 16, "hidden_dim": 8192, "rope_freq": _ROPE}
QWEN3 = {
    "vocab_size": 151936, "context_length": 40960, "emb_dim": 1024, "n_heads": 16, "n_layers": 28, "hidden_dim": 3072,
    "head_dim": 128, "qk_norm": True, "n_kv_groups": 8, "rope_base": 1e6,
}  # fmt: skip
QWEN3_MOE = {
    "vocab_size": 151936, "context_length": 262144, "emb_dim": 2048, "n_heads": 32, "n_layers": 48, "head_dim": 128,
    "qk_norm": True, "n_kv_groups": 4, "rope_base": 1e7, "dtype": "torch.bfloat16", "num_experts": 128,
    "num_experts_per_tok": 8, "moe_intermediate_size": 768,
}  # fmt: skip
GEMMA3 = {
    "vocab_size": 262144, "context_length": 32768, "emb_dim": 640, "n_heads": 4, "n_layers": 18, "hidden_dim": 2048,
    "head_dim": 256, "qk_norm": True, "n_kv_groups": 1, "rope_local_base": 1e4, "rope_base": 1e6,
    "sliding_window": 512, "layer_types": [*[_SLIDING] * 5, _FULL] * 3, "query_pre_attn_scalar": 256,
}  # fmt: skip


def loaded(tmp_path: Path, said: Mapping[str, object]) -> tuple[dict[str, object], int]:
    """Return the config of a dictionary, and its count."""
    file = tmp_path / "model.json"
    file.write_text(json.dumps(said))
    config = load_config(str(file), environ={}).config
    return {key: getattr(config, key) for key in config.__struct_fields__}, count_parameters(describe(config))


@pytest.mark.parametrize(
    ("said", "count"),
    [
        (LLAMA2, 6_738_415_616),  # converting-gpt-to-llama2.ipynb
        (LLAMA3, 8_030_261_248),  # converting-llama2-to-llama3.ipynb
        (LLAMA32, 1_498_482_688),  # the same, before its head is tied
        (QWEN3, 751_632_384),  # standalone-qwen3.ipynb, likewise
        (QWEN3_MOE, 30_532_122_624),  # standalone-qwen3-moe.ipynb
        (GEMMA3, 435_870_336),  # standalone-gemma3.ipynb, likewise
        (_GPT2 | {"n_kv_groups": 12}, 163_009_536),
        (_GPT2 | {"n_kv_groups": 4}, 163_009_536 - 12 * 2 * 768 * 512),
        (_GPT2 | {"latent_dim": 96}, 163_009_536 - 12 * (2 * 768 * 768 - 3 * 768 * 96)),
        (_GPT2 | {"sliding_window_size": 64, "sliding_window_stride": 2}, 163_009_536),
        (
            _GPT2 | {"hidden_dim": 100, "num_experts": 4, "num_experts_per_tok": 2},
            163_009_536 - 12 * (2 * 4 * 768 * 768 + 5 * 768 - 4 * 3 * 768 * 100 - 4 * 768),
        ),
    ],
)
def test_counts(tmp_path: Path, said: dict[str, object], count: int) -> None:
    assert loaded(tmp_path, said)[1] == count


def test_what_his_code_says(tmp_path: Path) -> None:
    gemma, _ = loaded(tmp_path, GEMMA3)
    assert (gemma["layer_pattern"], gemma["attention_scale"], gemma["embedding_scale"]) == ("5LF", 1 / 16, 640**0.5)
    llama, _ = loaded(tmp_path, LLAMA32)
    assert (llama["rope_scaling"], llama["rope_factor"], llama["rope_original_length"]) == ("llama3", 32.0, 8192)
    windows, _ = loaded(tmp_path, _GPT2 | {"sliding_window_size": 64, "sliding_window_stride": 2})
    assert (windows["layer_pattern"], windows["sliding_window"], windows["positions"]) == ("2LF", 64, "learned")
    moe, _ = loaded(tmp_path, QWEN3_MOE)
    assert (moe["router"], moe["moe_hidden_dim"], moe["norm_eps"]) == ("softmax_chosen", 768, 1e-6)


def test_our_own_keys_beside_his_are_ours(tmp_path: Path) -> None:
    ours, _ = loaded(tmp_path, _SIZES | {"hidden_dim": 100, "norm": "layer_norm"})
    assert (ours["positions"], ours["gated"]) == ("learned", False)
    his, _ = loaded(tmp_path, _SIZES | {"hidden_dim": 100})
    assert (his["positions"], his["gated"]) == ("rotary", True)


@pytest.mark.parametrize("wrong", [{"rope_freq": 3}, {"qk_norm": "yes"}, {"layer_types": ["linear"]}])
def test_values_that_his_code_does_not_take(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(InputProblemsError, match=next(iter(wrong))):
        loaded(tmp_path, QWEN3 | {"dtype": "x"} | wrong)


def test_nanochat(tmp_path: Path) -> None:
    said = {"sequence_len": 2048, "vocab_size": 65536, "n_layer": 20, "n_head": 10, "n_kv_head": 10, "n_embd": 1280}
    config, count = loaded(tmp_path, said)
    assert count == 560_988_160  # its depth 20 model
    assert (config["activation"], config["logit_softcap"], config["norm_scale"]) == ("relu2", 15.0, "none")
    with pytest.raises(InputProblemsError, match="window_pattern"):
        loaded(tmp_path, said | {"window_pattern": "SSSL"})


def test_a_rate_of_dropout_for_each_place(tmp_path: Path) -> None:
    """Exercise 4.3 of the lecture's chapter 4."""
    said = {"vocab_size": 97, "context_length": 16, "emb_dim": 8, "n_heads": 2, "n_layers": 1, "qkv_bias": False}
    rates = {"drop_rate_emb": 0.1, "drop_rate_attn": 0.2, "drop_rate_shortcut": 0.3}
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(said | rates))
    config = load_config(str(path), environ={}).config
    assert (config.embedding_drop_rate, config.attention_drop_rate, config.drop_rate) == (0.1, 0.2, 0.3)
    assert config.positions == "learned"
