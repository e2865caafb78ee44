"""What every weight takes in a format, part by part: its numbers, their scales and zero points, what stays as it is.

A format is a row of `gptcli.config.schemes` or of `gptcli.architecture.gguf_types`.
"""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture.gguf_types import ALIASES, FILE_TYPES, FileType, types_of
from gptcli.architecture.network import Network
from gptcli.architecture.quantizable import Facts, Purpose, Quantizable, facts_of, quantizable
from gptcli.config.schemes import SCHEMES, WHOLE, Scheme, scheme_named

Format = FileType | Scheme

NUMBERS = "Weights"
SCALES = "Scales of the weights"
ZEROS = "Zero points of the weights"
ORDER = "Order of the inputs (g_idx)"
SHAPES = "Shapes of packed weights"
LEFT_IN = "Weights left in "

_LEFT: tuple[Purpose, ...] = ("vector", "token table", "position table", "head", "router")
_LEFT_BYTES = 2  # of a number that Hugging Face's methods leave as it is: bf16, or fp16
_WORD_BYTES = 4
_NESTED_BYTES = 4


class Kept(Struct, frozen=True):
    """A tensor as it is kept.

    Attributes:
        path: of the weight, with the index of its kind of layer.
        label: what it holds: `NUMBERS`, `SCALES` and so on.
        bytes: of one.
        times: how many there are.
    """

    path: str
    label: str
    bytes: int
    times: int


def format_named(text: str) -> Format | None:
    """Return the format of a name as people type it: ``q4_k_m``, ``Q4-K-M``, ``gptq:group=32``; None for another name.

    Raises:
        InputError: what stands after a colon cannot be.
    """
    name = text.strip().lower().replace("-", "_")
    return FILE_TYPES.get(ALIASES.get(name, name)) or scheme_named(text)


def format_names() -> list[str]:
    """Return the names of all formats."""
    return [*FILE_TYPES, *SCHEMES]


def kept(network: Network, chosen: Format) -> Iterator[Kept]:
    """Yield what every weight of a network takes in a format.

    Raises:
        InputError: the format cannot hold a weight of such a shape.
    """
    facts = facts_of(network)
    for weight in quantizable(network):
        yield from kept_of(weight, chosen, facts)


def kept_of(weight: Quantizable, chosen: Format, facts: Facts) -> Iterator[Kept]:
    """Yield what a weight takes in a format; raises as `kept`."""
    if isinstance(chosen, FileType):
        yield from _in_blocks(weight, chosen, facts)
    elif _is_left(weight, chosen, facts):
        yield Kept(weight.path, f"{LEFT_IN}16 bits", weight.numbers * _LEFT_BYTES, weight.times)
    else:
        yield from _with_scales(weight, chosen)


def _is_left(weight: Quantizable, chosen: Scheme, facts: Facts) -> bool:
    """Return whether Hugging Face's methods leave a weight as it is: all but the blocks' linear layers."""
    outside = weight.purpose in _LEFT or weight.layers is None
    return outside or (chosen.covers == "experts" and facts.experts > 0 and not weight.experts)


def _in_blocks(whole: Quantizable, chosen: FileType, facts: Facts) -> Iterator[Kept]:
    for weight in _of_latent(whole) if whole.purpose == "latent" else (whole,):
        yield from _in_blocks_of_rows(weight, chosen, facts)


def _of_latent(whole: Quantizable) -> Iterator[Quantizable]:
    """Yield the two tensors of llama.cpp: for each head the key's part transposed, and the value's part
    (``DeepseekV2Model.modify_tensors`` of ``conversion/deepseek.py``).
    """
    values = whole.rows // whole.heads - whole.key_rows
    yield replace(whole, purpose="linear", matrices=whole.heads, rows=whole.columns, columns=whole.key_rows)
    yield replace(whole, purpose="linear", matrices=whole.heads, rows=values)


def _in_blocks_of_rows(weight: Quantizable, chosen: FileType, facts: Facts) -> Iterator[Kept]:
    for type_, times in types_of(chosen, weight, facts).items():
        blocks = type_.blocks(weight.matrices * weight.rows, weight.columns)
        label = NUMBERS if type_.quantized else f"{LEFT_IN}{_NAMES[type_.name]}"
        yield Kept(weight.path, label, blocks * type_.value_bytes, times)
        if type_.scale_bytes:
            yield Kept(weight.path, SCALES, blocks * type_.scale_bytes, times)


_NAMES = {"F32": "fp32", "F16": "fp16"}


def _with_scales(weight: Quantizable, scheme: Scheme) -> Iterator[Kept]:
    amounts = {
        NUMBERS: _numbers_bytes(weight.rows, weight.columns, scheme),
        SCALES: _scales_bytes(weight.rows, weight.columns, scheme),
        ZEROS: _zeros_bytes(weight.rows, weight.columns, scheme),
        ORDER: weight.columns * scheme.index_bytes,
        SHAPES: scheme.fixed_bytes,
    }
    for label, bytes_ in amounts.items():
        if bytes_:
            yield Kept(weight.path, label, weight.matrices * bytes_, weight.times)


def _numbers_bytes(rows: int, columns: int, scheme: Scheme) -> int:
    runs, length = {"inputs": (rows, columns), "outputs": (columns, rows), "all": (1, rows * columns)}[scheme.packed]
    return runs * _up(length * scheme.bits, scheme.word) * scheme.word // 8


def _scales_bytes(rows: int, columns: int, scheme: Scheme) -> int:
    scales = _scales(rows, columns, scheme)
    nested = _up(scales, scheme.nested) * _NESTED_BYTES if scheme.nested else 0
    return scales * scheme.scale_bits // 8 + nested


def _scales(rows: int, columns: int, scheme: Scheme) -> int:
    outputs, inputs = scheme.block
    if scheme.packed == "all":
        return _up(rows * columns, inputs or rows * columns)
    return (1 if outputs == WHOLE else _up(rows, outputs)) * (1 if inputs == WHOLE else _up(columns, inputs))


def _zeros_bytes(rows: int, columns: int, scheme: Scheme) -> int:
    groups = 1 if scheme.block[1] == WHOLE else _up(columns, scheme.block[1])
    return groups * _up(rows * scheme.zero_bits, 8 * _WORD_BYTES) * _WORD_BYTES


def _up(amount: int, whole: int) -> int:
    """Return how many wholes an amount makes, the last of them perhaps not full."""
    return -(-amount // whole)
