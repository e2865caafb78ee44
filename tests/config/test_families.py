"""Every family of Hugging Face's ``config.json``: figures of transformers' own modules, and what is refused."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptcli.analysis.memory import kv_cache_bytes
from gptcli.analysis.params import count_active, count_parameters
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network, describe
from gptcli.architecture.listing import parts_of
from gptcli.config import ModelConfig, load_config
from gptcli.config.dialects import settings_in
from gptcli.config.dialects.huggingface._classes import class_of
from gptcli.config.dialects.huggingface._passed_over import PASSED_OVER
from gptcli.config.dialects.huggingface._translate import family_of, known_families
from gptcli.config.load import config_from_mapping
from gptcli.errors import InputError, InputProblemsError
from tests.conftest import Cli

DATA = Path(__file__).parents[1] / "data" / "decoders"
ALL = {path.stem: path for path in sorted(DATA.glob("*.json"))}
FILES = list(ALL)
# Keys of older files, and those that code reads where a file has them.
OLDER = {
    "rope_theta", "rope_scaling", "partial_rotary_factor", "original_max_position_embeddings", "rope_local_base_freq",
    "rotary_emb_base", "rotary_pct", "rotary_dim", "sliding_window_pattern", "n_ctx", "n_embed", "seq_length",
    "attention_layers", "head_dim", "scoring_func", "topk_method", "moe_layer_freq",
}  # fmt: skip


@cache
def known(name: str) -> dict[str, Any]:
    found = json.loads(ALL[name].read_text())
    assert isinstance(found, dict)
    return found


def read(config: dict[str, Any]) -> ModelConfig:
    return config_from_mapping(config, "config.json", name="x")


def forward_flops(network: Network, batch: int, tokens: int) -> int:
    sizes = network.sizes_for(batch, tokens)
    return sum(
        found.amount * product.flops(found.sizes(sizes))
        for found, part in parts_of(network)
        for product in part.products()
    )


@pytest.mark.parametrize("name", FILES)
def test_figures_are_those_of_transformers(name: str) -> None:
    model = known(name)
    network, at, expected = describe(read(model["config"])), model["at"], model["expected"]
    cache_of = Workload(mode="generate", batch=at["batch"], tokens=at["tokens"], dtype=at["kv_dtype"])
    assert {
        "parameters": count_parameters(network),
        "active_parameters": count_active(network),
        "kv_cache_bytes": kv_cache_bytes(network, cache_of),
        "forward_flops": expected.get("forward_flops") and forward_flops(network, at["batch"], at["tokens"]),
    } == {"forward_flops": None} | expected


@pytest.mark.parametrize("model_type", known_families())
def test_a_family_names_only_keys_that_there_are(model_type: str) -> None:
    """A slip in a key's name would read nothing, and refuse what is meant."""
    family, keys = family_of(model_type), class_of(model_type.replace("-", "_")).keys.keys()
    assert set(family.keys) | family.run_only | set(family.instead) <= keys
    assert family.reads() - keys <= OLDER, "keys that no class has"
    assert not (family.reads() & PASSED_OVER)
    assert not (family.run_only & (family.reads() | family.nothing))


def test_the_table_of_classes_is_that_of_transformers() -> None:
    from tools.huggingface_classes import FILE, document

    assert FILE.read_text() == document(), "python -m tools.huggingface_classes --write"


@pytest.mark.parametrize("name", FILES)
def test_what_transformers_writes_leaves_nothing_to_say(name: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(known(name)["config"]))
    left_out = [note for note in load_config(str(path), environ={}).notes if "num_nextn_predict_layers" not in note]
    assert left_out == []


@pytest.mark.parametrize("name", FILES)
def test_the_command_line_gives_these_figures(name: str, cli: Cli, tmp_path: Path) -> None:
    path, model = tmp_path / "config.json", known(name)
    path.write_text(json.dumps(model["config"]))
    at, expected = model["at"], model["expected"]
    size: tuple[str, ...] = ("--batch-size", str(at["batch"]), "--seq-len", str(at["tokens"]))
    counted = cli("params", "-c", str(path), "--json").json
    assert (counted["total"], counted["active"]) == (expected["parameters"], expected["active_parameters"])
    if expected.get("forward_flops"):
        assert cli("flops", "-c", str(path), *size, "--json").json["forward_flops"] == expected["forward_flops"]
    kept = cli("memory", "-c", str(path), *size, "--mode", "generate", "--kv-dtype", at["kv_dtype"], "--json").json
    assert kept["kv_cache_bytes"] == expected["kv_cache_bytes"]


def test_only_a_gpt2_is_written_in_these_keys() -> None:
    gpt2 = read(known("gpt2-a")["config"])
    again = config_from_mapping({"model_type": "gpt2", **settings_in("Hugging Face", gpt2)}, "x", name="x")
    assert again == gpt2
    with pytest.raises(InputError, match=r"has no keys for n_kv_groups, .*qk_norm.* which x has; .* --to gptcli"):
        settings_in("Hugging Face", read(llama(model_type="qwen3", num_key_value_heads=2)))


def refusals(document: dict[str, Any]) -> list[str]:
    with pytest.raises(InputProblemsError) as caught:
        read(document)
    return [problem.removeprefix("config.json: ") for problem in caught.value.problems]


@pytest.mark.parametrize("model_type", known_families())
def test_a_key_of_the_class_that_says_nothing_here_may_only_have_its_default(model_type: str) -> None:
    family, config_class = family_of(model_type), class_of(model_type.replace("-", "_"))
    given = next(known(name)["config"] for name in FILES if known(name)["config"]["model_type"] == model_type)
    silent = set(config_class.keys) - family.reads() - family.nothing - PASSED_OVER
    for key in silent:
        usual = config_class.keys[key]
        read(given | {key: usual})
        other = not usual if isinstance(usual, bool) else "something else"
        assert any(told.startswith(f"{key} is ") and ", but " in told for told in refusals(given | {key: other})), key


SCALARS = st.none() | st.booleans() | st.integers(-3, 70) | st.floats(0, 2) | st.sampled_from(["gelu", "yarn", "x"])
LISTED = st.sampled_from(["full_attention", "sliding_attention", "chunked_attention", "global", 0, 1, 2, None, "x"])
ROTATION = st.dictionaries(
    st.sampled_from(
        (
            *("rope_type", "type", "factor", "rope_theta", "partial_rotary_factor", "short_factor", "long_factor"),
            *("low_freq_factor", "high_freq_factor", "original_max_position_embeddings", "mscale", "truncate"),
            *("full_attention", "alibi", "attn_pdrop"),
        )
    ),
    SCALARS | st.sampled_from(["linear", "dynamic", "llama3", "longrope"]) | st.lists(st.floats(0, 9), max_size=4),
    max_size=6,
)
VALUES = SCALARS | st.lists(LISTED, max_size=4) | ROTATION


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(known_families()), st.data())
def test_no_values_of_any_key_end_in_anything_but_a_network_or_problems(model_type: str, data: st.DataObject) -> None:
    keys = sorted({*class_of(model_type.replace("-", "_")).keys, *family_of(model_type).reads()})
    given_keys = data.draw(st.dictionaries(st.sampled_from(keys), VALUES, max_size=9))
    try:
        config = read({"model_type": model_type, **given_keys})
    except InputProblemsError as error:
        assert all(problem.startswith("config.json: ") for problem in error.problems), error.problems
    else:
        assert count_parameters(describe(config)) > 0


def llama(**extra: object) -> dict[str, Any]:
    return {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, **extra}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "activation": (llama(hidden_act="mish"), "hidden_act is 'mish', but gptcli does not have it; it can be gelu_new,"),
    "groups": (llama(num_key_value_heads=3), "num_key_value_heads 3 does not divide num_attention_heads 4; use"),
    "null size": (llama(hidden_size=None), "hidden_size must not be null in LlamaConfig; leave it out for the default"),
    "a size as text": (llama(num_key_value_heads="2"), "num_key_value_heads must be a whole number, got '2'"),
    "a flag as text": (llama(attention_bias="no"), "attention_bias must be true or false, got 'no'"),
    "rotation of a kind unknown": (
        llama(rope_scaling={"type": "mrope", "factor": 2}),
        "rope_scaling is a mapping, but its rope_type 'mrope' is unknown; it can be default, linear, dynamic, llama3,",
    ),
    "rotation without a factor": (
        llama(rope_scaling={"type": "linear"}),
        "rope_scaling is a mapping, but its factor is missing; write a number",
    ),
    "half of a head": (
        llama(rope_parameters={"rope_type": "default", "partial_rotary_factor": 0.5}),
        "rope_parameters is a mapping, but its partial_rotary_factor is 0.5, and this family rotates whole heads",
    ),
    "rotation by layers": (
        llama(rope_parameters={"full_attention": {"rope_type": "default"}}),
        "rope_parameters is a mapping, but full_attention has a rotation of its own, and this family has one for all",
    ),
    "longrope of another length": (
        llama(rope_scaling={"rope_type": "longrope", "short_factor": [1.0] * 7, "long_factor": [1.0] * 8}),
        "rope_short_factors has 7 numbers, and longrope takes one for each of 8 pairs",
    ),
    "sliding layers without a window": (
        llama(model_type="qwen3", layer_types=["full_attention", "sliding_attention"]),
        "layer_types has sliding layers without a window; set use_sliding_window to true",
    ),
    "kinds of too many layers": (
        llama(model_type="gemma2", layer_types=["full_attention"] * 3),
        "layer_types is a list, but it has 3 entries for 2 layers; write one for each",
    ),
    "kinds of layers unknown": (
        llama(model_type="gemma2", layer_types=["full_attention", "linear_attention"]),
        "layer_types is a list, but 'linear_attention' is unknown in this family; it can hold full_attention, sliding",
    ),
    "both ways": (
        llama(model_type="gemma3_text", use_bidirectional_attention=True),
        "use_bidirectional_attention is true, but gptcli's tokens attend to earlier ones alone; write false",
    ),
    "rotation stretched in two ways": (
        llama(
            model_type="gemma3_text",
            rope_parameters={
                "full_attention": {"rope_type": "linear", "factor": 8.0},
                "sliding_attention": {"rope_type": "linear", "factor": 4.0},
            },
        ),
        "rope_parameters is a mapping, but gptcli stretches rotation in one way; make full_attention and sliding",
    ),
    "no experts": (llama(model_type="dots1"), "n_routed_experts is null (default of Dots1Config), and transformers"),
    "three by sparsemixer": (
        llama(model_type="phimoe", num_experts_per_tok=3),
        "num_experts_per_tok is 3, but sparsemixer chooses 2; write 2",
    ),
    "keys shared by latents": (
        llama(model_type="deepseek_v3", num_key_value_heads=2),
        "num_key_value_heads is 2, but latent attention has as many as heads; leave it out",
    ),
    "experts chosen otherwise": (
        llama(model_type="deepseek_v2", num_experts_per_tok=2, topk_method="noaux_tc"),
        "topk_method is 'noaux_tc', but transformers has greedy and group_limited_greedy; write one of them",
    ),
    "MPT without ALiBi": (
        {"model_type": "mpt", "attn_config": {"alibi": False}},
        "attn_config is a mapping, but its alibi is False, and transformers builds True alone",
    ),
    "heads that do not fill": (
        llama(model_type="helium", head_dim=8),
        "head_dim is 8, but 4 heads of it do not fill hidden_size 64, as they must here",
    ),
    "text of a model unknown": (
        {"model_type": "gemma3n", "text_config": {"model_type": "gemma3n_text"}},
        "text_config.model_type is 'gemma3n_text', but gptcli does not build it (did you mean 'gemma3_text'?); it can",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_built_is_refused_by_name(case: str) -> None:
    document, told = REFUSED[case]
    assert any(problem.startswith(told) for problem in refusals(document)), refusals(document)


def test_the_text_of_a_model_of_images_is_taken_with_a_note(tmp_path: Path) -> None:
    text = {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024,
            "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}  # fmt: skip
    path = tmp_path / "config.json"
    for kind in ({"model_type": "gemma3_text"}, {}):  # as gemma-3-4b-it has it, and where nobody says
        whole = {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "vision_config": {}}
        path.write_text(json.dumps(whole | {"text_config": text | kind}, indent=0))
        resolved = load_config(str(path), environ={})
        assert count_parameters(describe(resolved.config)) == 3_880_263_168
        assert len(resolved.notes) == 1
        assert (
            "config.json:7: text_config of gemma3 is taken; what reads images or sound is left out" in resolved.notes[0]
        )
        assert resolved.config.rope_scaled_layers == "full"
    path.write_text(
        json.dumps({"model_type": "llava", "tie_word_embeddings": True, "text_config": {"hidden_size": 64}})
    )
    assert load_config(str(path), environ={}).config.weight_tying


_STRETCHED = {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}
# What a file says of its layers -> our keys.
LAYERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "windows in layers without positions": (
        llama(model_type="smollm3", num_hidden_layers=8, use_sliding_window=True, sliding_window=8),
        {"layer_pattern": "3FM", "sliding_window": 8},
    ),
    "windows beside layers without positions": (
        llama(model_type="smollm3", num_hidden_layers=3, no_rope_layers=[1, 0, 0], use_sliding_window=True,
              sliding_window=8, layer_types=["sliding_attention", "sliding_attention", "full_attention"]),
        {"layer_pattern": "LMN", "sliding_window": 8},
    ),
    "a window that is off": (
        llama(model_type="smollm3", num_hidden_layers=4, sliding_window=8),
        {"layer_pattern": "3FN", "sliding_window": None},
    ),
    "chunks without positions": (
        llama(model_type="llama4_text", no_rope_layers=[1, 0], layer_types=["chunked_attention"] * 2, moe_layers=[],
              num_key_value_heads=4, attention_chunk_size=16),
        {"layer_pattern": "CO", "attention_chunk": 16},
    ),
    "rotation stretched in local layers": (
        llama(model_type="gemma3_text", rope_parameters={"sliding_attention": _STRETCHED}),
        {"rope_scaling": "linear", "rope_factor": 4.0, "rope_scaled_layers": "local"},
    ),
    "rotation stretched in full layers": (
        llama(model_type="gemma3_text", rope_parameters={"full_attention": _STRETCHED}),
        {"rope_scaling": "linear", "rope_factor": 4.0, "rope_scaled_layers": "full"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LAYERS)
def test_what_layers_look_over_and_how_they_are_placed(case: str) -> None:
    document, expected = LAYERS[case]
    config = read(document)
    assert {key: getattr(config, key) for key in expected} == expected


def test_what_lies_over_a_file_is_worked_out_anew(tmp_path: Path) -> None:
    """Sizes that the file leaves open follow those that are set."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "qwen3", "num_hidden_layers": 4, "use_sliding_window": True,
                                "max_window_layers": 2, "sliding_window": 8}))  # fmt: skip
    config = load_config(str(path), set_values=["n_layers=6", "n_heads=8", "n_kv_groups=2"], environ={}).config
    assert (config.layer_pattern, config.sliding_window, config.n_layers) == ("2F2L", 8, 6)
    assert (config.n_heads, config.n_kv_groups, config.head_dim, config.family) == (8, 2, 128, "qwen3")


def test_gemma_3_computes_no_cap_of_scores_whatever_its_config_says(tmp_path: Path) -> None:
    """transformers' Gemma3Attention keeps the number and hands it to nothing; Gemma2Attention does."""
    document = known("gemma3_text-a")["config"] | {"attn_logit_softcapping": 50.0}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document))
    resolved = load_config(str(path), environ={})
    assert resolved.config.attention_softcap == 0.0
    assert any("attn_logit_softcapping 50.0 is not read by transformers" in note for note in resolved.notes)
    assert read(known("gemma2-a")["config"] | {"attn_logit_softcapping": 50.0}).attention_softcap == 50.0


@pytest.mark.parametrize("model_type", ["persimmon", "phi", "stablelm"])
def test_an_odd_part_of_a_head_is_noted_where_heads_are_cut_by_it(model_type: str, tmp_path: Path) -> None:
    """Their code takes so many numbers of a head as are said, and rotates one more, which fails."""
    path = tmp_path / "config.json"
    document = {"model_type": model_type, "hidden_size": 40, "num_attention_heads": 4, "partial_rotary_factor": 0.5}
    path.write_text(json.dumps(document | {"num_key_value_heads": 4}))
    (note,) = load_config(str(path), environ={}).notes
    assert "5 of a head's 10 numbers are rotated, which are no whole pairs" in note
    path.write_text(json.dumps(document | {"num_key_value_heads": 4, "hidden_size": 48}))
    assert load_config(str(path), environ={}).notes == ()
