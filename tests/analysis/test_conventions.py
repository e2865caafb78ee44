"""Ways of counting parameters: the figures people quote, each found again in what it is said to count."""

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from gptcli.analysis.conventions import (
    BODY,
    Convention,
    combinations,
    convention_rows,
    count_by,
    deviations,
    names,
)
from gptcli.analysis.params import count_tied_and_untied
from gptcli.architecture import describe
from gptcli.config import ModelConfig, config_from_mapping, load_config
from gptcli.model.forward import ForwardOptions, build
from tests.strategies import configs

LECTURE = load_config("gpt2-124m", environ={}).config
OPENAI = load_config("gpt2", environ={}).config


def test_conventions_in_use() -> None:
    rows = {row.name: row.parameters for row in convention_rows(describe(LECTURE))}
    body = 85_026_816 + 2 * 768
    assert rows == {
        "untied": 163_009_536,
        "tied": 124_412_160,
        "tied, with QKV bias": 124_439_808,
        "without position embeddings, tied, with QKV bias": 124_439_808 - 1024 * 768,
        "without embedding tables, with an untied head": body + 50257 * 768,
        "without any embedding or output head": body,
        "the blocks' matrices alone, 12LC^2": 12 * 12 * 768**2,
        "tied, vocabulary padded to 50304, with QKV bias": 124_439_808 + (50304 - 50257) * 768,
        "tied, vocabulary padded to 50304, bias-free": 124_373_760,
        "tied, stored causal masks counted, with QKV bias": 124_439_808 + 12 * 1024**2,
        "tied, stored causal masks and masked_bias counted, with QKV bias": 124_439_808 + 12 * (1024**2 + 1),
        "tied, bias-free": 124_337_664,
    }
    assert all(row.used_by for row in convention_rows(describe(LECTURE)))


@pytest.mark.parametrize(
    ("entries", "padded"), [(1, 64), (63, 64), (64, 64), (65, 128), (100, 128), (129, 192), (50257, 50304)]
)
def test_a_padded_vocabulary_is_a_multiple_of_64(entries: int, padded: int) -> None:
    """nanoGPT's train.py: ``vocab_size`` "GPT-2 vocab_size of 50257, padded up to nearest multiple of 64"."""
    config = replace(LECTURE, vocab_size=entries)
    more = count_by(describe(config), Convention(padded=True)) - count_by(describe(config), Convention())
    assert more == 2 * (padded - entries) * 768
    words = [] if padded == entries else [f"vocabulary padded to {padded}"]
    assert names(config, Convention(padded=True)) == ["untied", *words]


def test_the_lectures_counts_beside_openais() -> None:
    rows = {row.name: row.parameters for row in convention_rows(describe(OPENAI))}
    assert rows["tied"] == 124_439_808
    assert (rows["untied, without QKV bias"], rows["tied, without QKV bias"]) == (163_009_536, 124_412_160)


@given(configs())
def test_the_plain_conventions_are_the_totals(config: ModelConfig) -> None:
    totals = count_tied_and_untied(describe(config))
    assert count_by(describe(config), Convention(tied=False)) == totals.untied
    assert count_by(describe(config), Convention(tied=True)) == totals.tied


@given(configs())
def test_the_matrices_are_twelve_l_c_squared(config: ModelConfig) -> None:
    assert count_by(describe(config), Convention(parts="matrices")) == 12 * config.n_layers * config.emb_dim**2


@settings(max_examples=20, deadline=None)
@given(configs(largest=3))
def test_counts_are_those_of_the_modules(config: ModelConfig) -> None:
    model = build(describe(config), ForwardOptions())
    parameters = {name: parameter.numel() for name, parameter in model.named_parameters()}
    own = dict(parameters)
    bias_free = sum(n for name, n in own.items() if not name.endswith(".bias"))
    body = sum(n for name, n in own.items() if not name.startswith(("wte.", "wpe.", "lm_head.")))
    assert count_by(describe(config), Convention(biases="none")) == bias_free
    assert count_by(describe(config), Convention(parts="no positions")) == sum(own.values()) - own["wpe.weight"]
    assert count_by(describe(config), BODY) == body


@given(configs())
def test_combinations_differ_in_words(config: ModelConfig) -> None:
    words = [", ".join(names(config, convention)) for convention in combinations(config)]
    assert len(words) == len(set(words))


@given(configs())
def test_every_convention_in_use_is_a_combination(config: ModelConfig) -> None:
    words = {", ".join(names(config, convention)) for convention in combinations(config)}
    assert {row.name for row in convention_rows(describe(config))} <= words


@given(configs())
def test_each_table_is_left_out_by_one_convention(config: ModelConfig) -> None:
    untied = count_by(describe(config), Convention(tied=False))
    positions, table = config.context_length * config.emb_dim, config.vocab_size * config.emb_dim
    assert count_by(describe(config), Convention(tied=False, parts="no positions")) == untied - positions
    assert count_by(describe(config), Convention(parts="no vocabulary")) == untied - 2 * table
    assert count_by(describe(config), BODY) == untied - 2 * table - positions
    no_tables = count_by(describe(config), Convention(parts="no tables"))
    assert no_tables == untied - (2 if config.weight_tying else 1) * table - positions


@pytest.mark.parametrize(
    ("convention", "things"),
    [
        (Convention(tied=False), 0),
        (Convention(tied=True), 1),
        (BODY, 1),
        (Convention(tied=False, padded=True), 1),
        (Convention(tied=False, masks="mask"), 1),
        (Convention(tied=False, biases="qkv"), 1),
        (Convention(tied=True, padded=True, masks="mask", biases="none"), 4),
    ],
)
def test_how_far_a_convention_is_from_the_config(convention: Convention, things: int) -> None:
    """One for each thing that has to be said; the lecture's model is untied and without QKV bias."""
    assert deviations(LECTURE, convention) == things


_AIR = {
    "model_type": "glm4_moe", "hidden_size": 4096, "num_hidden_layers": 46, "intermediate_size": 10944,
    "num_attention_heads": 96, "num_key_value_heads": 8, "head_dim": 128, "attention_bias": True, "use_qk_norm": False,
    "vocab_size": 151552, "n_routed_experts": 128, "moe_intermediate_size": 1408, "first_k_dense_replace": 1,
    "n_shared_experts": 1, "num_experts_per_tok": 8, "num_nextn_predict_layers": 1,
}  # fmt: skip
_GLM = _AIR | {
    "hidden_size": 5120, "num_hidden_layers": 92, "intermediate_size": 12288, "use_qk_norm": True,
    "n_routed_experts": 160, "moe_intermediate_size": 1536, "first_k_dense_replace": 3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "own", "stored"),
    [
        (load_config("deepseek-v3", environ={}).config, 671_026_404_352, 684_489_845_504),
        (config_from_mapping(_AIR, "x", name="air"), 106_852_245_504, 110_468_824_832),
        (config_from_mapping(_GLM, "x", name="glm"), 352_797_814_784, 358_337_791_296),
    ],
)
def test_layers_for_multi_token_prediction_are_those_of_the_hubs_files(
    config: ModelConfig, own: int, stored: int
) -> None:
    """The Hub's counts of the three models' files, of DeepSeek-V3's without the scales of FP8."""
    network = describe(config)
    assert count_by(network, Convention()) == own
    rows = {row.name: row.parameters for row in convention_rows(network)}
    layer = "with 1 layer for multi-token prediction"
    assert rows[f"{layer}, copies of embedding and head, and buffers, untied"] == stored
    experts = config.num_experts * (config.n_layers + 1 - {"deepseek-v3": 3, "air": 1, "glm": 3}[config.name])
    assert rows[f"{layer}, untied"] == stored - 2 * config.vocab_size * config.emb_dim - experts
    without = replace(config, mtp_layers=0)
    assert not any("multi-token" in row.name for row in convention_rows(describe(without)))
    twice = describe(replace(config, mtp_layers=2))
    unique = Convention(ahead="unique")
    assert count_by(twice, unique) - own == 2 * (count_by(network, unique) - own)
    assert names(twice.config, unique)[0] == "with 2 layers for multi-token prediction"


def test_who_counts_so() -> None:
    used_by = {row.name: row.used_by for row in convention_rows(describe(LECTURE))}
    assert "the lecture's network" in used_by["untied"]
    assert "torch's parameters()" in used_by["tied"]
    assert "OpenAI's GPT-2 checkpoints" in used_by["tied, with QKV bias"]
