"""Formats that keep linear layers in few bits with scales, a row each.

Which weights stay as they are is each method's convention: embeddings, the output head, norms, biases and routers.
"""

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gptcli.config.printable import shortened
from gptcli.errors import InputError

WHOLE = 0  # of a block: all outputs, or all inputs

_INT32 = 32  # bits of the words that numbers are packed into


class Scheme(Struct, frozen=True, kw_only=True):
    """How a matrix of (out, in) is kept.

    Attributes:
        name: what people type.
        bits: of a number.
        block: outputs and inputs that share a scale; `WHOLE` for all there are.
        scale_bits: of a scale.
        packed: what numbers lie side by side: the ``inputs`` of one output, the ``outputs`` of one input, or ``all`` of
            the matrix, whose blocks run on from row to row.
        word: bits that such a run is rounded up to.
        zero_bits: of a block's zero point, packed over the outputs into words of 32 bits; 0 without one.
        index_bytes: for each input, where they are grouped in an order of their own.
        nested: scales that share one of 32 bits; 0 where scales are not quantised themselves.
        fixed_bytes: for each matrix, beside all that.
        covers: the linear ``layers`` of the blocks, or of a model with ``experts`` these alone.
        source: where these sizes are from.
    """

    name: str
    bits: int
    block: tuple[int, int]
    scale_bits: int
    packed: Literal["inputs", "outputs", "all"] = "inputs"
    word: int = 8
    zero_bits: int = 0
    index_bytes: int = 0
    nested: int = 0
    fixed_bytes: int = 0
    covers: Literal["layers", "experts"] = "layers"
    source: str

    def __str__(self) -> str:
        """Return what `scheme_named` reads: ``gptq``, or ``gptq:group=32`` where it is not as the table says."""
        changed = ",".join(f"{key}={value}" for key, value in _changes(self, SCHEMES[self.name]))
        return f"{self.name}:{changed}" if changed else self.name


_GPTQ = "AutoGPTQ, nn_modules/qlinear/qlinear_cuda_old.py: qweight, qzeros, scales, g_idx"
_AWQ = "AutoAWQ, awq/modules/linear/gemm.py: qweight, qzeros, scales"
_BNB = "bitsandbytes, functional.py: quantize_4bit; Dettmers et al. 2023 (QLoRA), section 3"
_INT8 = "bitsandbytes, nn/modules.py: Int8Params, weight and SCB"
_FP8 = "transformers, integrations/finegrained_fp8.py: weight_scale_inv; DeepSeek-AI 2024 (V3), section 3.3"
_COMPRESSED = "compressed-tensors, compressors: weight_packed or weight, weight_scale, weight_zero_point, weight_shape"
_MX = "OCP Microscaling Formats 1.0, section 5; gpt-oss's experts: blocks and scales"
_SHAPE_BYTES = 16  # weight_shape: two numbers of 64 bits

_ROWS = (
    Scheme(name="mxfp4", bits=4, block=(1, 32), scale_bits=8, covers="experts", source=_MX),
    Scheme(name="fp8", bits=8, block=(128, 128), scale_bits=32, source=_FP8),
    Scheme(name="fp8-channel", bits=8, block=(1, WHOLE), scale_bits=32, source=_COMPRESSED),
    Scheme(name="fp8-tensor", bits=8, block=(WHOLE, WHOLE), scale_bits=32, source=_COMPRESSED),
    Scheme(
        name="gptq", bits=4, block=(1, 128), scale_bits=16, word=_INT32, zero_bits=4, index_bytes=4, source=_GPTQ
    ),
    Scheme(
        name="awq", bits=4, block=(1, 128), scale_bits=16, packed="outputs", word=_INT32, zero_bits=4, source=_AWQ
    ),
    Scheme(name="nf4", bits=4, block=(1, 64), scale_bits=8, packed="all", nested=256, source=_BNB),
    Scheme(name="nf4-single", bits=4, block=(1, 64), scale_bits=32, packed="all", source=_BNB),
    Scheme(name="llm-int8", bits=8, block=(1, WHOLE), scale_bits=32, source=_INT8),
    Scheme(
        name="w4a16", bits=4, block=(1, 128), scale_bits=16, word=_INT32, fixed_bytes=_SHAPE_BYTES, source=_COMPRESSED
    ),
    Scheme(name="w8a8", bits=8, block=(1, WHOLE), scale_bits=16, source=_COMPRESSED),
)  # fmt: skip
SCHEMES: dict[str, Scheme] = {row.name: row for row in _ROWS}


def scheme_named(text: str) -> Scheme | None:
    """Return the scheme of ``gptq`` or ``gptq:bits=8,group=32``; None where the name before the colon is none.

    Raises:
        InputError: what stands after the colon cannot be.
    """
    name, _, rest = text.strip().lower().partition(":")
    row = SCHEMES.get(name.strip().replace("_", "-"))
    if row is None:
        return None
    changed = row
    for word in filter(None, (each.strip() for each in rest.split(","))):
        changed = _changed(changed, word, text)
    return changed


def _changes(scheme: Scheme, row: Scheme) -> Iterator[tuple[str, object]]:
    """Yield what differs from the row of the table, by the keys that are typed."""
    usual = _with_bits(row, scheme.bits)
    if scheme.bits != row.bits:
        yield "bits", scheme.bits
    for key, (field, _) in NUMBERS.items():
        if getattr(scheme, field) != getattr(usual, field):
            yield key, getattr(scheme, field)
    if scheme.block != row.block:
        outputs, inputs = scheme.block
        sides = "all" if scheme.block == (WHOLE, WHOLE) else f"{outputs}x{inputs}"
        yield ("group", inputs or "all") if outputs == 1 else ("block", sides)


# Keys after the colon, with the field and the values it can have.
NUMBERS: dict[str, tuple[str, tuple[int, ...]]] = {
    "bits": ("bits", (2, 3, 4, 8)),
    "scale": ("scale_bits", (8, 16, 32)),
    "zeros": ("zero_bits", (0, 2, 3, 4, 8)),
    "index": ("index_bytes", (0, 4)),
}


def _with_bits(scheme: Scheme, bits: int) -> Scheme:
    """Return the scheme for numbers of so many bits; zero points have as many."""
    return replace(scheme, bits=bits, zero_bits=bits if scheme.zero_bits else 0)


def _changed(scheme: Scheme, word: str, text: str) -> Scheme:
    key, _, value = word.partition("=")
    field, values = NUMBERS.get(key, ("", ()))
    if value in map(str, values):
        if key == "bits":
            return _with_bits(scheme, int(value))
        return replace(scheme, **{field: int(value)})
    block = _block(key, value)
    if block is not None:
        return replace(scheme, block=block)
    takes = [*(f"{each}={'|'.join(map(str, able))}" for each, (_, able) in NUMBERS.items()), "group=N", "block=NxN"]
    raise InputError(f"format '{shortened(text)}': '{shortened(word)}' means nothing; it takes {', '.join(takes)}")


def _block(key: str, value: str) -> tuple[int, int] | None:
    if value == "all" and key in ("group", "block"):
        return (1, WHOLE) if key == "group" else (WHOLE, WHOLE)
    found = re.fullmatch(r"([1-9][0-9]{0,8})x([1-9][0-9]{0,8})" if key == "block" else r"([1-9][0-9]{0,8})", value)
    if key not in ("group", "block") or found is None:
        return None
    sides = tuple(map(int, found.groups()))
    return (1, sides[0]) if key == "group" else (sides[0], sides[1])
