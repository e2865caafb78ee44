"""Headers of GGUF files: keys and values, the list of tensors, and whether all that can be true.

The format, of which versions 2 and 3 are read: the letters GGUF, a version, the number of tensors and of keys; keys and
values; of each tensor name, shape (the row first), type and offset; then the data, each tensor at a multiple of the
alignment (ggml-org/ggml, docs/gguf.md). What llama.cpp refuses is what its ``gguf_init_from_reader`` refuses
(ggml/src/gguf.cpp).
"""

from math import prod
from pathlib import Path

from msgspec import Struct

from gptcli.architecture.ggml import BY_ID, REMOVED, BlockType
from gptcli.checkpoints.gguf_values import Cursor, Value, key_words
from gptcli.checkpoints.locate import GGUF
from gptcli.checkpoints.safetensors_file import BrokenFileError
from gptcli.config.printable import printable, shortened
from gptcli.files import open_input
from gptcli.reports.finding import Finding

VERSIONS = (2, 3)
ALIGNMENT = "general.alignment"
_USUAL_ALIGNMENT = 32
_MOST_ENTRIES = 100_000  # tensors, or keys: of those that exist the largest have a few thousand
_SMALLEST_KEY = 8 + 4 + 1  # bytes: length, type, a value of one byte
_SMALLEST_TENSOR = 8 + 4 + 4 + 8  # bytes: length of the name, dimensions, type, offset
_LONGEST_NAME = 63  # bytes, GGML_MAX_NAME - 1
_MOST_DIMENSIONS = 4  # GGML_MAX_DIMS
_MOST_READ = 16
_LARGEST = 2**63


class Entry(Struct, frozen=True):
    """A tensor as the header has it.

    Attributes:
        name: as it stands in the file.
        type: of its numbers, or None where there is no such type.
        type_id: likewise, by its number.
        shape: the row first.
        offset: bytes from the beginning of the data.
    """

    name: str
    type: BlockType | None
    type_id: int
    shape: tuple[int, ...]
    offset: int

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes they take; 0 of an unknown type."""
        if self.type is None:
            return 0
        row = self.shape[0] if self.shape else 1
        return self.type.blocks(prod(self.shape[1:]), row) * self.type.bytes


class GgufHeader(Struct, frozen=True, kw_only=True):
    """What a file says of itself.

    Attributes:
        version: 2 or 3.
        byte_order: ``little`` or ``big``.
        alignment: of the tensors' data.
        metadata: the values by their keys; arrays by type and length.
        tensors: in the file's order.
        findings: what cannot be true.
    """

    version: int
    byte_order: str
    alignment: int
    metadata: dict[str, Value]
    tensors: list[Entry]
    findings: list[Finding]


def read_gguf_header(path: Path) -> GgufHeader:
    """Read what a file holds, without its data.

    Raises:
        BrokenFileError: there is no header to read.
        OSError: the file cannot be read.
    """
    place, size = printable(str(path)), path.stat().st_size
    findings: list[Finding] = []
    with open_input(path) as file:
        cursor = Cursor(file, size, place)
        version = _version(cursor)
        amounts = cursor.number("Q", "the number of tensors"), cursor.number("Q", "the number of keys")
        _check_amounts(cursor, *amounts)
        metadata = _metadata(cursor, amounts[1], findings)
        tensors = [_tensor(cursor) for _ in range(amounts[0])]
        end, order = cursor.position, cursor.order
    alignment = _alignment(metadata, findings)
    findings += _tensor_findings(tensors, alignment)
    findings += _data_findings(tensors, -(-end // alignment) * alignment, size, alignment, place)
    return GgufHeader(
        version=version,
        byte_order="little" if order == "<" else "big",
        alignment=alignment,
        metadata=metadata,
        tensors=tensors,
        findings=findings,
    )


def _version(cursor: Cursor) -> int:
    """Read the version, and from it the byte order: the number is small either way."""
    if cursor.take(len(GGUF), "its first letters") != GGUF:
        raise BrokenFileError("not-a-checkpoint", cursor.place, "is not a GGUF file: it does not begin with GGUF")
    raw = cursor.take(4, "its version")
    little, big = int.from_bytes(raw, "little"), int.from_bytes(raw, "big")
    version, cursor.order = (little, "<") if little & 0xFFFF else (big, ">")
    if version in VERSIONS:
        return version
    if version == 1:
        why = "GGUF version 1, of August 2023, which llama.cpp no longer reads; convert the model anew with llama.cpp"
    else:
        known = " and ".join(map(str, VERSIONS))
        why = f"GGUF version {version:,} is none of those known, {known}; a newer gptcli may know it"
    raise BrokenFileError("bad-header", cursor.place, why)


def _check_amounts(cursor: Cursor, tensors: int, keys: int) -> None:
    """Refuse numbers of entries that the file cannot hold, before any is read."""
    for amount, smallest, what in ((tensors, _SMALLEST_TENSOR, "tensors"), (keys, _SMALLEST_KEY, "keys")):
        if amount * smallest > cursor.left:
            lie = f"header lies or the file is truncated: {amount:,} {what} do not fit into {cursor.left:,} bytes"
            raise BrokenFileError("bad-header", cursor.place, lie)
        if amount > _MOST_ENTRIES:
            lie = f"header lies: {amount:,} {what}, more than the {_MOST_ENTRIES:,} that are read"
            raise BrokenFileError("bad-header", cursor.place, lie)


def _metadata(cursor: Cursor, keys: int, findings: list[Finding]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for _ in range(keys):
        key = cursor.text("a key")
        value = cursor.value(cursor.number("I", f"the type of {key_words(key)}"), key_words(key))
        if not key:
            findings.append(Finding("error", "bad-header", cursor.place, "header lies: a key is empty"))
        elif key in found:
            message = "header lies: the key stands twice; llama.cpp refuses the file"
            findings.append(Finding("error", "twice", shortened(key), message))
        found.setdefault(key, value)
    return found


def _tensor(cursor: Cursor) -> Entry:
    name = cursor.text("a tensor's name")
    what = f"the entry of {shortened(name)!r}"
    dimensions = cursor.number("I", what)
    if dimensions > _MOST_READ:
        lie = f"header lies: {shortened(name)} has {dimensions:,} dimensions, and what follows cannot be read"
        raise BrokenFileError("bad-header", cursor.place, lie)
    shape = tuple(cursor.number("Q", what) for _ in range(dimensions))
    type_id, offset = cursor.number("I", what), cursor.number("Q", what)
    return Entry(name, BY_ID.get(type_id), type_id, shape, offset)


def _alignment(metadata: dict[str, Value], findings: list[Finding]) -> int:
    found = metadata.get(ALIGNMENT, _USUAL_ALIGNMENT)
    if isinstance(found, int) and not isinstance(found, bool) and found > 0 and found & (found - 1) == 0:
        return found
    said = shortened(str(found)) if isinstance(found, int | float | str) else "an array"
    message = f"header lies: {said} is no power of two; read as {_USUAL_ALIGNMENT}"
    findings.append(Finding("error", "bad-header", ALIGNMENT, message))
    return _USUAL_ALIGNMENT


def _tensor_findings(tensors: list[Entry], alignment: int) -> list[Finding]:
    findings: list[Finding] = []
    names: set[str] = set()
    for tensor in tensors:
        lies = [_name_lie(tensor, names), _shape_lie(tensor), _type_lie(tensor), _offset_lie(tensor, alignment)]
        names.add(tensor.name)
        findings += [Finding("error", kind, shortened(tensor.name), lie) for kind, lie in lies if lie]
    return findings


def _name_lie(tensor: Entry, names: set[str]) -> tuple[str, str]:
    if tensor.name in names:
        return "twice", "header lies: the name stands twice; llama.cpp refuses the file"
    length = len(tensor.name.encode())
    if length > _LONGEST_NAME:
        return "bad-header", f"its name has {length:,} bytes, llama.cpp takes {_LONGEST_NAME} at most"
    return "bad-header", "" if tensor.name else "a tensor has no name"


def _shape_lie(tensor: Entry) -> tuple[str, str]:
    if len(tensor.shape) > _MOST_DIMENSIONS:
        return "bad-header", f"has {len(tensor.shape)} dimensions, llama.cpp takes {_MOST_DIMENSIONS} at most"
    if tensor.numbers >= _LARGEST:
        return "bad-header", "header lies: its shape has more numbers than can be counted in 63 bits"
    row = tensor.shape[0] if tensor.shape else 1
    if tensor.type is not None and row % tensor.type.numbers:
        whole = f"of {tensor.type.numbers} in {tensor.type.name}"
        return "bad-header", f"header lies: its rows of {row:,} numbers are no whole blocks {whole}"
    return "bad-header", ""


def _type_lie(tensor: Entry) -> tuple[str, str]:
    if tensor.type is not None:
        return "unknown-type", ""
    if tensor.type_id in REMOVED:
        gone = f"is of type {REMOVED[tensor.type_id]}, which llama.cpp has given up; quantise the model anew"
        return "unknown-type", gone
    return "unknown-type", f"is of type {tensor.type_id}, which is none of ggml's that are known here"


def _offset_lie(tensor: Entry, alignment: int) -> tuple[str, str]:
    if tensor.offset % alignment:
        return "bad-header", f"header lies: its data begin at {tensor.offset:,}, no multiple of {alignment}"
    return "bad-header", ""


def _data_findings(tensors: list[Entry], begin: int, size: int, alignment: int, place: str) -> list[Finding]:
    """Find tensors that overlap, leave gaps or lie beyond the end; what an unknown type takes is taken as told."""
    findings: list[Finding] = []
    end, sure, beyond = 0, True, []
    for tensor in sorted(tensors, key=lambda each: (each.offset, each.nbytes)):
        if tensor.offset < end:
            message = "header lies: its data overlap those of the tensor before it"
            findings.append(Finding("error", "overlap", shortened(tensor.name), message))
        elif tensor.offset > end and sure:
            gap = f"{tensor.offset - end:,} bytes before its data belong to no tensor; llama.cpp refuses the file"
            findings.append(Finding("error", "gap", shortened(tensor.name), gap))
        sure = tensor.type is not None
        stop = tensor.offset + tensor.nbytes
        if begin + stop > size:
            beyond.append(tensor.name)
        end = max(end, -(-stop // alignment) * alignment)
    if beyond:
        lost = f"{len(beyond):,} of {len(tensors):,} tensors are incomplete, from {shortened(beyond[0])} on"
        message = f"truncated: the header describes {begin + end:,} bytes, the file has {size:,}; {lost}"
        findings.append(Finding("error", "truncated", place, message))
    elif sure and begin + end < size:
        message = f"{size - begin - end:,} bytes after the last tensor belong to nothing"
        findings.append(Finding("warning", "trailing", place, message))
    return findings
