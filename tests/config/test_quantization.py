"""``quantization_config`` as published models have it, and spellings of formats with parameters."""

from typing import Any

import pytest

from gptcli.config.quantization import format_of
from gptcli.config.schemes import SCHEMES, Scheme, scheme_named
from gptcli.errors import InputError

GROUP = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": 64}


def _compressed(packing: str, **weights: Any) -> dict[str, Any]:
    return {
        "quant_method": "compressed-tensors",
        "format": packing,
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        "ignore": ["lm_head", "re:.*mlp.gate$"],
    }


PUBLISHED: dict[str, tuple[dict[str, Any], str]] = {
    "DeepSeek-V3": (
        {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128]},
        "fp8",
    ),
    "DeepSeek-V3.1": ({"quant_method": "fp8", "scale_fmt": "ue8m0", "weight_block_size": [128, 128]}, "fp8:scale=8"),
    "Qwen3-30B-A3B-FP8": (
        {
            "quant_method": "fp8",
            "weight_block_size": [128, 128],
            "modules_to_not_convert": ["lm_head", "model.layers.0.input_layernorm", "model.layers.0.mlp.gate"],
        },
        "fp8",
    ),
    "MiniMax-M2": (
        {
            "quant_method": "fp8",
            "weight_block_size": [128, 128],
            "modules_to_not_convert": ["gate", "e_score_correction_bias", "lm_head"],
        },
        "fp8",
    ),
    "per tensor": ({"quant_method": "fp8", "weight_block_size": None, "activation_scheme": "static"}, "fp8-tensor"),
    "gpt-oss": (
        {
            "quant_method": "mxfp4",
            "modules_to_not_convert": [
                "model.layers.*.self_attn",
                "model.layers.*.mlp.router",
                "model.embed_tokens",
                "lm_head",
            ],
        },
        "mxfp4",
    ),
    "Qwen2.5-GPTQ-Int4": (
        {"bits": 4, "group_size": 128, "desc_act": False, "sym": True, "quant_method": "gptq"},
        "gptq",
    ),
    "Qwen2.5-GPTQ-Int8": ({"bits": 8, "group_size": 128, "quant_method": "gptq"}, "gptq:bits=8"),
    "GPTQ per column": ({"bits": 4, "group_size": -1, "quant_method": "gptq"}, "gptq:group=all"),
    "Mixtral-AWQ": (
        {
            "bits": 4,
            "group_size": 64,
            "quant_method": "awq",
            "version": "gemm",
            "zero_point": True,
            "modules_to_not_convert": ["gate"],
        },
        "awq:group=64",
    ),
    "QLoRA": (
        {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": True,
            "llm_int8_skip_modules": None,
            "quant_method": "bitsandbytes",
        },
        "nf4",
    ),
    "fp4": ({"load_in_4bit": True, "quant_method": "bitsandbytes"}, "nf4-single"),
    "before the key": ({"load_in_8bit": True, "llm_int8_skip_modules": ["lm_head"]}, "llm-int8"),
    "w4a16": (_compressed("pack-quantized", **GROUP), "w4a16:group=64"),
    "w4a16, asymmetric, in an order": (
        _compressed("pack-quantized", **GROUP | {"symmetric": False, "actorder": "group"}),
        "w4a16:zeros=4,index=4,group=64",
    ),
    "w8a8": (
        _compressed("int-quantized", num_bits=8, type="int", symmetric=True, strategy="channel", group_size=None),
        "w8a8",
    ),
    "w8a8, a scale for all": (
        _compressed("int-quantized", num_bits=8, type="int", symmetric=True, strategy="tensor"),
        "w8a8:block=all",
    ),
    "FP8-dynamic": (
        _compressed("float-quantized", num_bits=8, type="float", symmetric=True, strategy="channel"),
        "fp8-channel:scale=16",
    ),
    "FP8": (_compressed("float-quantized", num_bits=8, type="float", strategy="tensor"), "fp8-tensor:scale=16"),
    "FP8-block": (
        _compressed("float-quantized", num_bits=8, type="float", strategy="block", block_structure=[128, 128]),
        "fp8-channel:scale=16,block=128x128",
    ),
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_models(model: str) -> None:
    said, expected = PUBLISHED[model]
    found = format_of(said)
    assert isinstance(found, Scheme), found
    assert str(found) == expected
    assert scheme_named(expected) == found, "what is written is read again"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another method": ({"quant_method": "aqlm"}, "quant_method 'aqlm' is not one of gptq, awq, bitsandbytes, fp8, "),
    "no method": ({}, "quant_method 'None' is not one of"),
    "layers of their own": ({"quant_method": "gptq", "dynamic": {"-:.*": {}}}, "dynamic gives layers formats"),
    "bits": ({"quant_method": "gptq", "bits": 5}, "bits 5 is not one of 2, 3, 4, 8"),
    "bits that are true": ({"quant_method": "gptq", "bits": True}, "bits True is no number that can be"),
    "group": ({"quant_method": "gptq", "group_size": 0}, "group_size 0 makes no groups"),
    "group of words": ({"quant_method": "awq", "group_size": "128"}, "group_size 128 is no number that can be"),
    "packing": ({"quant_method": "awq", "version": "gemv"}, "version 'gemv' packs its numbers in another way"),
    "nothing loaded": ({"quant_method": "bitsandbytes"}, "neither load_in_4bit nor load_in_8bit is true"),
    "kind": (
        {"load_in_4bit": True, "bnb_4bit_quant_type": "af4"},
        "bnb_4bit_quant_type 'af4' is neither 'nf4' nor 'fp4'",
    ),
    "left layer": (
        {"quant_method": "fp8", "modules_to_not_convert": ["lm_head", "model.layers.0.self_attn.q_proj"]},
        "modules_to_not_convert leaves model.layers.0.self_attn.q_proj as it is",
    ),
    "left attention": (
        {"quant_method": "fp8", "ignored_layers": ["model.layers.0.self_attn"]},
        "ignored_layers leaves model.layers.0.self_attn",
    ),
    "left by a word": ({"quant_method": "fp8", "modules_to_not_convert": "lm_head"}, "is no list"),
    "a projection called like a gate": (
        {"quant_method": "fp8", "modules_to_not_convert": ["model.layers.0.mlp.gate_proj"]},
        "leaves model.layers.0.mlp.gate_proj",
    ),
    "tables too": ({"quant_method": "fp8", "modules_to_convert": ["embed"]}, "modules_to_convert gives layers"),
    "experts": ({"quant_method": "fp8", "expert_dtype": "fp4"}, "expert_dtype 'fp4' is not 'fp8'"),
    "block": ({"quant_method": "fp8", "weight_block_size": [128]}, "block size [128] is no pair"),
    "scales": ({"quant_method": "fp8", "scale_fmt": "bf16"}, "scale_fmt 'bf16' is neither"),
    "two groups": ({"quant_method": "compressed-tensors", "config_groups": {"a": {}, "b": {}}}, "is not one group"),
    "no weights": ({"quant_method": "compressed-tensors", "config_groups": {"a": {}}}, "says nothing of weights"),
    "sparse": (_compressed("marlin-24", **GROUP), "format 'marlin-24' of 4 bits (int) is none"),
    "targets": (
        _compressed("pack-quantized") | {"config_groups": {"a": {"targets": ["re:.*mlp"], "weights": GROUP}}},
        "are not the linear layers",
    ),
    "strategy": (_compressed("pack-quantized", **GROUP | {"strategy": "tensor_group"}), "strategy 'tensor_group'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_told_is_said(case: str) -> None:
    said, told = REFUSED[case]
    found = format_of(said)
    assert isinstance(found, str)
    assert told in found


@pytest.mark.parametrize("name", SCHEMES)
def test_every_row_is_found_by_its_name(name: str) -> None:
    row = SCHEMES[name]
    assert str(row) == name
    assert scheme_named(name.upper().replace("-", "_")) == row
    assert row.source


@pytest.mark.parametrize(
    "text", ["gptq:bits=5", "gptq:group=0", "gptq:group=x", "fp8:block=128", "gptq:what=1", "awq:4"]
)
def test_parameters_that_mean_nothing(text: str) -> None:
    with pytest.raises(InputError, match=r"means nothing; it takes bits=2\|3\|4\|8, .*group=N, block=NxN"):
        scheme_named(text)
