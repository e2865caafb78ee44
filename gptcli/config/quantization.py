"""From a model's ``quantization_config``, as Hugging Face's configs have it, to the format of its weights."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from gptcli.config.printable import shortened
from gptcli.config.schemes import NUMBERS, SCHEMES, WHOLE, Scheme

_LARGEST = 2**31


def format_of(said: Mapping[str, Any]) -> Scheme | str:
    """Return the scheme of a model's ``quantization_config``, or in words why its bytes cannot be told.

    Scales of activations are none of the weights, and do not count.

    Args:
        said: the mapping as it stands in a ``config.json``.
    """
    method = said.get("quant_method")
    if method is None and (said.get("load_in_4bit") or said.get("load_in_8bit")):
        method = "bitsandbytes"  # files older than the key
    read = _METHODS.get(str(method).lower())
    if read is None:
        return f"quant_method {shortened(str(method))!r} is not one of {', '.join(_METHODS)}"
    try:
        return read(said)
    except _UnreadableError as error:
        return str(error)


class _UnreadableError(Exception):
    """A key that changes the bytes and cannot be read."""


def _number(said: Mapping[str, Any], key: str, default: int) -> int:
    value = said.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not -1 <= value <= _LARGEST:
        raise _UnreadableError(f"{key} {shortened(str(value))} is no number that can be")
    return value


def _bits(said: Mapping[str, Any], key: str, default: int = 4) -> int:
    bits = _number(said, key, default)
    if bits not in (able := NUMBERS["bits"][1]):
        raise _UnreadableError(f"{key} {bits} is not one of {', '.join(map(str, able))}")
    return bits


def _grouped(said: Mapping[str, Any], key: str = "group_size", default: int = 128) -> tuple[int, int]:
    size = _number(said, key, default)
    if size == 0:
        raise _UnreadableError(f"{key} 0 makes no groups")
    return (1, WHOLE if size == -1 else size)


def _gptq(said: Mapping[str, Any]) -> Scheme:
    for key in ("dynamic", "modules_in_block_to_quantize"):
        if said.get(key):
            raise _UnreadableError(f"{key} gives layers formats of their own")
    bits = _bits(said, "bits")
    return replace(SCHEMES["gptq"], bits=bits, zero_bits=bits, block=_grouped(said))


def _awq(said: Mapping[str, Any]) -> Scheme:
    _check_skipped(said, "modules_to_not_convert")
    version = str(said.get("version", said.get("format", "gemm"))).lower()
    if version != "gemm":
        raise _UnreadableError(f"version {shortened(version)!r} packs its numbers in another way than 'gemm'")
    bits = _bits(said, "bits" if "bits" in said else "w_bit")
    return replace(SCHEMES["awq"], bits=bits, zero_bits=bits, block=_grouped(said))


def _bitsandbytes(said: Mapping[str, Any]) -> Scheme:
    _check_skipped(said, "llm_int8_skip_modules")
    if said.get("load_in_8bit"):
        return SCHEMES["llm-int8"]
    if not said.get("load_in_4bit"):
        raise _UnreadableError("neither load_in_4bit nor load_in_8bit is true")
    kind = said.get("bnb_4bit_quant_type", "fp4")
    if kind not in ("nf4", "fp4"):  # of the same size
        raise _UnreadableError(f"bnb_4bit_quant_type {shortened(str(kind))!r} is neither 'nf4' nor 'fp4'")
    row = SCHEMES["nf4" if said.get("bnb_4bit_use_double_quant") else "nf4-single"]
    return replace(row, block=_grouped(said, "bnb_4bit_blocksize", 64))


def _fp8(said: Mapping[str, Any]) -> Scheme:
    for key in ("modules_to_not_convert", "ignored_layers"):
        _check_skipped(said, key)
    if said.get("modules_to_convert"):
        raise _UnreadableError("modules_to_convert gives layers formats of their own")
    if said.get("expert_dtype", "fp8") != "fp8":
        raise _UnreadableError(f"expert_dtype {shortened(str(said['expert_dtype']))!r} is not 'fp8'")
    sides = said.get("weight_block_size", (128, 128))
    if sides is None:
        return SCHEMES["fp8-tensor"]
    scale = {"float": 32, "ue8m0": 8}.get(str(said.get("scale_fmt", "float")))
    if scale is None:
        raise _UnreadableError(f"scale_fmt {shortened(str(said['scale_fmt']))!r} is neither 'float' nor 'ue8m0'")
    return replace(SCHEMES["fp8"], block=_sides(sides), scale_bits=scale)


def _sides(sides: object) -> tuple[int, int]:
    pair = sides if isinstance(sides, list | tuple) else ()
    if len(pair) != 2 or not all(type(side) is int and 0 < side <= _LARGEST for side in pair):
        raise _UnreadableError(f"block size {shortened(str(sides))} is no pair of whole numbers")
    return (pair[0], pair[1])


def _mxfp4(said: Mapping[str, Any]) -> Scheme:
    _check_skipped(said, "modules_to_not_convert", "self_attn")
    return SCHEMES["mxfp4"]


def _compressed(said: Mapping[str, Any]) -> Scheme:
    """The one group of layers of compressed-tensors, where it is the linear ones."""
    _check_skipped(said, "ignore")
    groups = said.get("config_groups")
    if not isinstance(groups, Mapping) or len(groups) != 1:
        raise _UnreadableError("config_groups is not one group")
    (group,) = groups.values()
    if not isinstance(group, Mapping) or not isinstance(group.get("weights"), Mapping):
        raise _UnreadableError("config_groups says nothing of weights")
    if list(group.get("targets", ["Linear"])) != ["Linear"]:
        raise _UnreadableError(f"targets {shortened(str(group['targets']))} are not the linear layers")
    weights = group["weights"]
    kind, bits = weights.get("type", "int"), _bits(weights, "num_bits", 8)
    packing = said.get("format", "dense")
    if (packing, kind) == ("pack-quantized", "int"):
        zeros = 0 if weights.get("symmetric", True) else bits
        index = 4 if weights.get("actorder") in ("group", True) else 0
        row = replace(SCHEMES["w4a16"], bits=bits, zero_bits=zeros, index_bytes=index)
        return replace(row, block=_strategy(weights))
    if (packing, kind, bits) == ("int-quantized", "int", 8) and weights.get("symmetric", True):
        return replace(SCHEMES["w8a8"], block=_strategy(weights))
    if (packing, kind, bits) == ("float-quantized", "float", 8):
        row = SCHEMES["fp8-tensor" if weights.get("strategy") == "tensor" else "fp8-channel"]
        return replace(row, block=_strategy(weights), scale_bits=16)  # in the model's own format
    raise _UnreadableError(
        f"format {shortened(str(packing))!r} of {bits} bits ({shortened(str(kind))}) is none of those known"
    )


def _strategy(weights: Mapping[str, Any]) -> tuple[int, int]:
    strategy = weights.get("strategy") or ("group" if weights.get("group_size") else "tensor")
    if strategy == "group":
        return _grouped(weights)
    if strategy == "block":
        return _sides(weights.get("block_structure"))
    found = {"tensor": (WHOLE, WHOLE), "channel": (1, WHOLE)}.get(strategy)
    if found is None:
        raise _UnreadableError(f"strategy {shortened(str(strategy))!r}")
    return found


# What stays as it is anyway: the embedding, the head, norms, routers and what corrects their scores.
_LEFT_ANYWAY = (
    r"(lm_head|embed_out|embed_tokens|[a-z0-9_]*norm[a-z0-9_]*|gate|router|"
    r"e_score_correction_bias|shared_expert_gate)"
)


def _check_skipped(said: Mapping[str, Any], key: str, *more: str) -> None:
    """Refuse a list of modules left as they are that names one which the method's convention would not leave."""
    names = said.get(key) or ()
    if not isinstance(names, list | tuple):
        raise _UnreadableError(f"{key} is no list")
    for name in names:
        last = str(name).removeprefix("re:").replace("\\.", ".").removesuffix(".weight").removesuffix("$")
        tail = re.search(rf"(^|[.*]){_LEFT_ANYWAY}$", last)
        if tail is None and last.rpartition(".")[2] not in more:
            raise _UnreadableError(f"{key} leaves {shortened(str(name))} as it is, which is not told apart")


_METHODS = {
    "gptq": _gptq,
    "awq": _awq,
    "bitsandbytes": _bitsandbytes,
    "fp8": _fp8,
    "mxfp4": _mxfp4,
    "compressed-tensors": _compressed,
}
