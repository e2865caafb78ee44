"""What weights take in formats with scales, against the shapes that each program gives its tensors."""

import json
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from gptcli.analysis.params import count_parameters
from gptcli.architecture import Network, describe
from gptcli.architecture.axes import elements
from gptcli.architecture.formats import (
    NUMBERS,
    ORDER,
    SCALES,
    SHAPES,
    ZEROS,
    Format,
    format_named,
    format_names,
    kept,
    kept_of,
)
from gptcli.architecture.listing import weights
from gptcli.architecture.quantizable import FUSED, Facts, Quantizable, facts_of, quantizable
from gptcli.config import ModelConfig, load_config
from gptcli.config.load import config_from_mapping
from tests.architecture.published import MIXTRAL
from tests.patterned import patterned

DENSE = Facts(layers=2, tied=False)


def _format(text: str) -> Format:
    found = format_named(text)
    assert found is not None
    return found


def _amounts(text: str, rows: int, columns: int, experts: int = 1) -> dict[str, int]:
    weight = Quantizable("x", "up", experts, rows, columns, (range(2),))
    found = list(kept_of(weight, _format(text), DENSE))
    assert {each.times for each in found} == {2}
    return {each.label: each.bytes for each in found}


# (out, in), and the tensors that the program makes of it: bytes of a number, shape.
SHAPES_OF = {
    # AutoGPTQ: qweight int32 (in * bits / 32, out), scales fp16 (groups, out), qzeros int32 (groups, out * bits / 32)
    "gptq": (
        (256, 512),
        {NUMBERS: 4 * (64 * 256), SCALES: 2 * (4 * 256), ZEROS: 4 * (4 * 32), ORDER: 4 * 512},
    ),
    "gptq:group=32": (
        (256, 512),
        {NUMBERS: 4 * (64 * 256), SCALES: 2 * (16 * 256), ZEROS: 4 * (16 * 32), ORDER: 4 * 512},
    ),
    "gptq:group=all": (
        (256, 512),
        {NUMBERS: 4 * (64 * 256), SCALES: 2 * 256, ZEROS: 4 * 32, ORDER: 4 * 512},
    ),
    "gptq:bits=3": (
        (256, 512),
        {NUMBERS: 4 * (48 * 256), SCALES: 2 * (4 * 256), ZEROS: 4 * (4 * 24), ORDER: 4 * 512},
    ),
    # AutoAWQ: qweight int32 (in, out / 8), scales fp16 (groups, out), qzeros int32 (groups, out / 8)
    "awq": ((256, 512), {NUMBERS: 4 * (512 * 32), SCALES: 2 * (4 * 256), ZEROS: 4 * (4 * 32)}),
    # fp8 with scales in fp32 for blocks of 128 x 128, the last of which may be cut off
    "fp8": ((300, 129), {NUMBERS: 300 * 129, SCALES: 4 * (3 * 2)}),
    "fp8:scale=8": ((300, 129), {NUMBERS: 300 * 129, SCALES: 3 * 2}),
    "fp8:block=64x32": ((300, 129), {NUMBERS: 300 * 129, SCALES: 4 * (5 * 5)}),
    "fp8-tensor": ((300, 129), {NUMBERS: 300 * 129, SCALES: 4}),
    "fp8-channel": ((300, 129), {NUMBERS: 300 * 129, SCALES: 4 * 300}),
    # gpt-oss: blocks uint8 (out, in / 32, 16), scales uint8 (out, in / 32)
    "mxfp4": ((64, 96), {NUMBERS: 64 * 3 * 16, SCALES: 64 * 3}),
    # bitsandbytes 0.50.2: absmax uint8 for 64 numbers each, of 256 of those one in fp32
    "nf4": ((300, 172), {NUMBERS: 25800, SCALES: 807 + 4 * 4}),
    "nf4-single": ((300, 172), {NUMBERS: 25800, SCALES: 4 * 807}),
    "llm-int8": ((300, 172), {NUMBERS: 300 * 172, SCALES: 4 * 300}),
    # compressed-tensors: weight_packed int32 (out, in * bits / 32), weight_scale (out, groups), weight_shape int64 (2)
    "w4a16": ((300, 512), {NUMBERS: 4 * (300 * 64), SCALES: 2 * (300 * 4), SHAPES: 16}),
    "w4a16:zeros=4,index=4": (
        (300, 512),
        {NUMBERS: 4 * (300 * 64), SCALES: 2 * (300 * 4), ZEROS: 4 * (38 * 4), ORDER: 4 * 512, SHAPES: 16},
    ),
    "w8a8": ((300, 512), {NUMBERS: 300 * 512, SCALES: 2 * 300}),
    # llama.cpp: 144 bytes for 256 numbers, 16 of them scales and minima
    "q4_k_s": ((300, 512), {NUMBERS: 300 * 2 * 128, SCALES: 300 * 2 * 16}),
    "q8_0": ((300, 512), {NUMBERS: 300 * 512, SCALES: 300 * 16 * 2}),
}


@pytest.mark.parametrize("text", SHAPES_OF)
def test_a_matrix(text: str) -> None:
    (rows, columns), expected = SHAPES_OF[text]
    assert _amounts(text, rows, columns) == expected
    several = _amounts(text, rows, columns, experts=5)
    assert several == {label: 5 * amount for label, amount in expected.items()}, "a matrix for each expert"


@pytest.mark.parity
@pytest.mark.parametrize(
    ("text", "block", "scales"),
    [("fp8", (128, 128), "float"), ("fp8:scale=8", (128, 128), "ue8m0"), ("fp8-tensor", None, "float")],
)
@pytest.mark.parametrize("shape", [(128, 256), (129, 300), (7, 5)])
def test_fp8_is_what_transformers_makes(
    text: str, block: tuple[int, int] | None, scales: str, shape: tuple[int, int]
) -> None:
    import torch
    from transformers.integrations.finegrained_fp8 import FP8Linear

    with torch.device("meta"):
        theirs = FP8Linear(shape[1], shape[0], block_size=block, scale_fmt=scales)
    ours = _amounts(text, *shape)
    assert ours[NUMBERS] == theirs.weight.nbytes
    assert ours[SCALES] == theirs.weight_scale_inv.nbytes


@pytest.mark.parity
def test_mxfp4_is_what_transformers_makes() -> None:
    import torch
    from transformers import GptOssConfig
    from transformers.integrations.mxfp4 import Mxfp4GptOssExperts

    with torch.device("meta"):
        theirs = Mxfp4GptOssExperts(GptOssConfig(num_local_experts=3, hidden_size=96, intermediate_size=64))
    assert _amounts("mxfp4", 128, 96, experts=3)[NUMBERS] == theirs.gate_up_proj.nbytes
    assert _amounts("mxfp4", 96, 64, experts=3)[NUMBERS] == theirs.down_proj.nbytes


def _labels(text: str, weights: list[Quantizable], facts: Facts) -> dict[str, set[str]]:
    return {each.path: {kept.label for kept in kept_of(each, _format(text), facts)} for each in weights}


def test_what_hugging_face_leaves_as_it_is() -> None:
    found = _labels("gptq", *MIXTRAL)
    left = {path for path, labels in found.items() if labels == {"Weights left in 16 bits"}}
    assert left == {"embedding", "output", "norm", "vector", "router"}
    outside = Quantizable("projection", "linear", 1, 64, 64)
    assert [each.label for each in kept_of(outside, _format("gptq"), DENSE)] == ["Weights left in 16 bits"]


def test_mxfp4_is_for_experts_where_there_are_some() -> None:
    found = _labels("mxfp4", *MIXTRAL)
    assert {path for path, labels in found.items() if NUMBERS in labels} == {"gate", "up", "down"}
    assert NUMBERS in _amounts("mxfp4", 64, 64)


@pytest.mark.parametrize("text", format_names())
def test_every_number_is_kept_once(text: str) -> None:
    """By the bytes of a format of 8 bits: what is left over is scales, and what is not quantised."""
    config = ModelConfig(vocab_size=300, context_length=64, emb_dim=256, n_heads=4, n_layers=9, qkv_bias=True)
    for tied in (False, True):
        network = describe(replace(config, weight_tying=tied))
        found = Counter[str]()
        for each in kept(network, _format(text)):
            found[each.path] += each.times
        named = {weight.path for weight in weights(network) if not weight.tied_to}
        assert found.keys() == named
        assert sum(weight.numbers * weight.times for weight in quantizable(network)) == sum(
            weight.total(network.sizes) for weight in weights(network)
        )


def test_gpt_2_is_seen_as_programs_see_it() -> None:
    network = describe(load_config("gpt2", environ={}).config)
    purposes = {weight.path: weight.purpose for weight in quantizable(network) if weight.purpose != "vector"}
    assert purposes == {
        "wte.weight": "token table",
        "wpe.weight": "position table",
        "h.{i}.attn.c_attn.weight": "query, key, value",
        "h.{i}.attn.c_proj.weight": "attention output",
        "h.{i}.mlp.c_fc.weight": "up",
        "h.{i}.mlp.c_proj.weight": "down",
    }
    assert facts_of(network) == Facts(layers=12, tied=True)


DECODERS = ["llama-3.2-1b", "phi-4", "pythia-160m", "mixtral-8x7b", "gpt-oss-20b", "deepseek-v3", "gemma-3-270m"]


FILES = sorted((Path(__file__).parents[1] / "data" / "decoders").glob("*.json"))


def _network(name: str | Path) -> Network:
    if isinstance(name, str):
        return describe(load_config(name, environ={}).config, "sdpa")
    said = json.loads(name.read_text("utf-8"))["config"]
    return describe(config_from_mapping(said, name.name, name=name.stem), "sdpa")


@pytest.mark.parametrize("name", [*DECODERS, *FILES], ids=lambda name: name if isinstance(name, str) else name.stem)
def test_a_decoders_weights_are_all_there(name: str | Path) -> None:
    network = _network(name)
    if isinstance(name, Path):
        family = name.stem.removesuffix("-a")
        fused = any(weight.purpose == "query, key, value" for weight in quantizable(network))
        assert fused == (family in FUSED) or family.startswith("published-")
    seen = list(quantizable(network))
    assert sum(weight.numbers * weight.times for weight in seen) == count_parameters(network)
    assert {weight.path for weight in seen} == {weight.path for weight in weights(network) if not weight.tied_to}


# What lies in the files that their makers have published: all tensors, or two files that differ in the format alone.
WHOLE = {("gpt-oss-20b", "mxfp4"): 13_761_264_768}
PAIRS = {
    "llama-3.2-1b": {"q4_k_m": 807_694_464, "q8_0": 1_321_083_008},
    "llama-3.1-8b": {"q4_k_m": 4_920_739_232, "q8_0": 8_540_775_840},
}


@pytest.mark.parametrize(("model", "text"), WHOLE)
def test_published_tensors(model: str, text: str) -> None:
    assert _bytes(model, text) == WHOLE[model, text]


@pytest.mark.parametrize("model", PAIRS)
def test_published_files(model: str) -> None:
    beside = {size - _bytes(model, text) for text, size in PAIRS[model].items()}
    assert len(beside) == 1, "names and vocabulary take the same in both"
    assert 0 < beside.pop() < 8_000_000


def _bytes(model: str, text: str) -> int:
    network = describe(load_config(model, environ={}).config, "sdpa")
    return sum(each.bytes * each.times for each in kept(network, _format(text)))


def test_latent_attention_lies_apart_in_llama_cpp() -> None:
    """For each head the key's part transposed, so that its rows are 128 long and get another type."""
    weight = Quantizable("x", "latent", 1, 128 * 256, 512, (range(61),), heads=128, key_rows=128)
    facts = Facts(layers=61, tied=False, experts=256)
    found = Counter[str]()
    for each in kept_of(weight, _format("q4_k_m"), facts):
        assert each.times == 61
        found[each.label] += each.bytes
    keys, values = 128 * 512 * 128 // 32, 128 * 128 * 512 // 256  # blocks of Q5_0, and of Q4_K
    assert found == {NUMBERS: keys * 20 + values * 128, SCALES: keys * 2 + values * 16}
    assert {each.label: each.bytes for each in kept_of(weight, _format("fp8"), facts)} == {
        NUMBERS: 128 * 256 * 512,
        SCALES: 4 * 256 * 4,
    }


@pytest.mark.parametrize(
    ("settings", "fused"),
    [
        ({}, True),
        ({"positions": "alibi"}, True),
        ({"positions": "rotary"}, False),
        ({"positions": "rotary", "family": "gpt_neox"}, True),
        ({"positions": "rotary", "family": "phi3"}, True),
        ({"family": "opt"}, False),
        ({"positions": "rotary", "family": "llama"}, False),
    ],
)
def test_whose_files_have_query_key_and_value_in_one(settings: dict[str, str], fused: bool) -> None:
    config = ModelConfig(vocab_size=9, context_length=9, emb_dim=64, n_heads=4, n_layers=1, n_kv_groups=2, **settings)  # type: ignore[arg-type]
    seen = {each.purpose: each.rows for each in quantizable(describe(config)) if each.path.endswith("c_attn.weight")}
    assert seen == ({"query, key, value": 128} if fused else {"query": 64, "key": 32, "value": 32})


def test_falcons_are_known_by_their_family() -> None:
    config = ModelConfig(vocab_size=9, context_length=9, emb_dim=256, n_heads=4, n_layers=1, family="falcon")
    assert facts_of(describe(config)).falcon
    assert not facts_of(describe(replace(config, family="llama"))).falcon


def test_experts_have_gate_and_partner_apart() -> None:
    config = load_config("gpt-oss-20b", environ={}).config
    seen = [(each.purpose, each.matrices, each.rows) for each in quantizable(describe(config, "sdpa")) if each.experts]
    assert seen[:3] == [("gate", 32, 2880), ("up", 32, 2880), ("down", 32, 2880)]
    assert facts_of(describe(config, "sdpa")).experts == 32


def test_each_kind_of_layer_stands_where_it_stands() -> None:
    """So that the layers with more bits are found among them."""
    network = patterned("AABAAB")
    rows = {weight.path: weight.layers for weight in quantizable(network) if weight.purpose == "down"}
    assert list(rows.values()) == [(range(2), range(3, 5)), (range(2, 3), range(5, 6))]
    shapes = {weight.path: weight.numbers for weight in quantizable(network)}
    for weight in weights(network):
        assert shapes[weight.path] == elements(weight.shape, network.sizes)


@pytest.mark.parametrize(
    ("typed", "name"),
    [("Q4_K_M", "q4_k_m"), ("q4-k-m", "q4_k_m"), ("Q4_K", "q4_k_m"), (" q5_k ", "q5_k_m"), ("q3_k", "q3_k_m"),
     ("FP8_tensor", "fp8-tensor"), ("GPTQ:group=128", "gptq"), ("awq:bits=4", "awq"), ("NF4", "nf4")],
)  # fmt: skip
def test_spellings(typed: str, name: str) -> None:
    assert str(_format(typed)) == name


@pytest.mark.parametrize("text", ["fp32", "int4", "q4", "", "q4_k_m:bits=4"])
def test_other_names(text: str) -> None:
    assert format_named(text) is None


def test_every_format_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    assert {name for name in format_names() if f"`{name}`" not in page} == set()


@pytest.mark.parametrize("model_type", ["codegen", "falcon", "gpt_neo", "gpt_neox", "opt", "persimmon", "phi3"])
def test_families_whose_files_their_positions_do_not_tell(model_type: str) -> None:
    """Each Hugging Face config of theirs names its family."""
    from gptcli.config.dialects.huggingface._translate import family_of

    assert family_of(model_type).implied["family"] == model_type
