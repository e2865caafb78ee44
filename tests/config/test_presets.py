"""Presets by what people call them."""

from pathlib import Path

import pytest

from gptcli.analysis.params import count_active, count_parameters
from gptcli.architecture import describe
from gptcli.config import load_config, preset_named, preset_paths
from gptcli.config.presets import preset_spellings
from gptcli.errors import InputError

SPELLINGS = {
    "gpt2": ["gpt2", "GPT2", "gpt-2", "gpt2-small", "gpt2-base", "openai-community/gpt2", "117M", "gpt2-small (124M)"],
    "gpt2-124m": ["gpt2-124M", "124M", "GPT_CONFIG_124M", "gpt2_124m", "163M"],
    "gpt2-medium": ["GPT2-Medium", "355M", "gpt2-345m", "gpt2-355M", "gpt2-medium (355M)", "openai/gpt2-medium"],
    "gpt2-large": ["774M", "762M", "gpt2-774m", "gpt2_large"],
    "gpt2-xl": ["GPT2-XL", "1558M", "1.5B", "gpt2-1.5b", "gpt-2-xl", "gpt2-xl (1558M)", "openai-community/gpt2-xl"],
    "gpt3-175b": ["gpt3", "GPT-3", "175B", "gpt-3-175b", "davinci"],
    "tiny": ["tiny", "Tiny"],
    "llama-3.1-8b": ["Llama-3.1-8B", "meta-llama/Llama-3.1-8B", "meta-llama/Meta-Llama-3.1-8B", "llama3.1-8b"],
    "mistral-7b": ["mistralai/Mistral-7B-v0.1", "Mistral_7B"],
    "olmo-2-7b": ["allenai/OLMo-2-1124-7B"],
    "deepseek-v3": ["deepseek-ai/DeepSeek-V3", "DeepSeek-V3"],
}
# All, and those that one token uses: as published or as transformers' modules of these sizes have them.
COUNTS = {
    "llama-3.2-1b": (1_235_814_400, 1_235_814_400),
    "llama-3.1-8b": (8_030_261_248, 8_030_261_248),
    "llama-3.1-405b": (405_853_388_800, 405_853_388_800),
    "mistral-7b": (7_241_732_096, 7_241_732_096),
    "mixtral-8x7b": (46_702_792_704, 12_879_925_248),
    "qwen3-0.6b": (596_049_920, 596_049_920),
    "qwen3-30b-a3b": (30_532_122_624, 3_353_032_704),
    "gemma-3-270m": (268_098_176, 268_098_176),
    "olmo-2-7b": (7_298_617_344, 7_298_617_344),
    "phi-4": (14_659_507_200, 14_659_507_200),
    "gpt-oss-20b": (20_914_757_184, 4_187_440_704),
    "deepseek-v3": (671_026_404_352, 37_552_282_624),
    "smollm3-3b": (3_075_098_624, 3_075_098_624),
    "pythia-160m": (162_322_944, 162_322_944),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_of_later_decoders(name: str) -> None:
    network = describe(load_config(name, environ={}).config)
    assert (count_parameters(network), count_active(network)) == COUNTS[name]


@pytest.mark.parametrize(("expected", "spelled"), [(key, text) for key, texts in SPELLINGS.items() for text in texts])
def test_spellings(expected: str, spelled: str) -> None:
    resolved = load_config(spelled, environ={})
    assert resolved.config == load_config(expected, environ={}).config
    assert resolved.config.name == expected
    assert resolved.sources["n_layers"].startswith(f"preset {expected}, line ")


@pytest.mark.parametrize("name", ["gpt", "gpt2-", "gpt4", "gpt3-small", "125M", "llama", "someone/gpt2", "", "gpt2/xl"])
def test_other_names_are_no_preset(name: str) -> None:
    assert preset_named(name) is None


def test_every_spelling_is_of_a_preset() -> None:
    assert {preset_named(name) for name in preset_spellings()} == set(preset_paths())


def test_a_path_comes_before_another_spelling_and_after_a_presets_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny = preset_paths()["tiny"].read_text().replace("name: tiny", "name: mine")
    for name in ("124M", "gpt2"):
        Path(name).write_text(tiny)
    assert load_config("124M", environ={}).config.name == "mine"
    assert load_config("gpt2", environ={}).config.name == "gpt2"


@pytest.mark.parametrize(
    ("name", "near"), [("gpt2-smal", "gpt2-small"), ("tiyn", "tiny"), ("gpt2.yaml", "gpt2"), ("gtp2-xl", "gpt2-xl")]
)
def test_a_slip_is_answered_with_a_name_that_works(name: str, near: str) -> None:
    with pytest.raises(InputError, match=rf"no such preset or file \(did you mean '{near}'\?\)"):
        load_config(name, environ={})
    assert preset_named(near)
