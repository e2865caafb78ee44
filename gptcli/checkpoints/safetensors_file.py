"""Safetensors files read without torch and without a map of the whole file: the header, then numbers in portions.

The format: eight bytes with the length of the header, little-endian; the header, a JSON object from names to
``{dtype, shape, data_offsets}``; the data, which the offsets cover without gaps (huggingface/safetensors, "Format").
"""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gptcli.checkpoints.stored import BITS, StoredTensor
from gptcli.config.printable import printable, shortened
from gptcli.files import open_input
from gptcli.reports.finding import Finding

if TYPE_CHECKING:
    import numpy as np

LENGTH_BYTES = 8
MAX_HEADER = 100_000_000  # the format's own limit
_PORTION = 2**20  # numbers read at a time
_METADATA = "__metadata__"
_MOST_AXES = 64  # of a tensor that torch can work with (aten/src/ATen/TensorIterator.h)
_MOST_COUNTED = 2**63  # torch counts in 64 bits with a sign


class BrokenFileError(Exception):
    """A file whose header cannot be read at all; carries the finding."""

    def __init__(self, kind: str, path: str, message: str) -> None:
        self.finding = Finding("error", kind, path, message)
        super().__init__(message)


# Its library wants every byte to belong to a tensor (safetensors/src/tensor.rs, ``Metadata::validate``).
_REFUSED = (
    "gptcli reads the file all the same, the safetensors library and so transformers refuse it; "
    "'gptcli checkpoint convert' writes it anew"
)


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class Header(msgspec.Struct, frozen=True):
    """What a file says of itself."""

    tensors: list[StoredTensor]
    metadata: dict[str, str]
    findings: list[Finding]


def looks_like_safetensors(first: bytes) -> bool:
    """Return whether a file with this beginning has a safetensors header, or looks like one that has."""
    return first[LENGTH_BYTES : LENGTH_BYTES + 1] == b"{"


def has_safetensors_header(first: bytes) -> bool:
    """Return whether a file that begins so has a header of a length that can be; its first byte may be a pickle's."""
    return looks_like_safetensors(first) and int.from_bytes(first[:LENGTH_BYTES], "little") <= MAX_HEADER


def read_header(path: Path) -> Header:
    """Read what a file holds, without its data.

    Tensors whose entry cannot be true are left out and named in the findings.

    Raises:
        BrokenFileError: there is no header to read.
        OSError: the file cannot be read.
    """
    place, size = printable(str(path)), path.stat().st_size
    with open_input(path) as file:
        raw = file.read(header_length(file.read(LENGTH_BYTES), size, place))
    return parse_header(raw, path, size)


def parse_header(raw: bytes, path: Path, size: int) -> Header:
    """Read what a header says, and hold it against the size of its file.

    Args:
        raw: the header, without the length before it.
        path: the file, which need not be here.
        size: its bytes.

    Raises:
        BrokenFileError: it is no header.
    """
    place, begin = printable(str(path)), LENGTH_BYTES + len(raw)
    entries = _decode(raw, place)
    metadata = _metadata(entries.pop(_METADATA, {}))
    tensors: list[StoredTensor] = []
    findings: list[Finding] = []
    for name, entry in entries.items():
        checked = _check_entry(name, entry, path, begin)
        (tensors if isinstance(checked, StoredTensor) else findings).append(checked)  # type: ignore[arg-type]
    complete, data_findings = _check_data(tensors, begin, size, place)
    return Header(complete, metadata, findings + data_findings)


def header_length(first: bytes, size: int, place: str) -> int:
    """Return how many bytes a header takes, by the first bytes of its file.

    Args:
        first: they, or more.
        size: of the file, in bytes.
        place: the file, for messages.

    Raises:
        BrokenFileError: no header can be so long.
    """
    length = int.from_bytes(first[:LENGTH_BYTES], "little")
    if size < LENGTH_BYTES:
        raise BrokenFileError("truncated", place, f"truncated: {size} bytes, too short for a safetensors header")
    if length > MAX_HEADER:
        lie = f"header lies: it claims {length:,} bytes for itself, over the format's limit of {MAX_HEADER:,}"
        raise BrokenFileError("bad-header", place, lie)
    if LENGTH_BYTES + length > size:
        lie = f"header lies or the file is truncated: the header claims {length:,} bytes, the file has {size:,} in all"
        raise BrokenFileError("bad-header", place, lie)
    return length


def _decode(raw: bytes, place: str) -> dict[str, Any]:
    try:
        entries = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenFileError("bad-header", place, f"header is not valid JSON: {error}") from None
    if not isinstance(entries, dict):
        raise BrokenFileError("bad-header", place, "header is not a JSON object of tensors")
    return entries


def _metadata(found: object) -> dict[str, str]:
    """Return the strings beside the tensors; anything else there means nothing to us."""
    items = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in items if isinstance(value, str)}


def _check_entry(name: str, raw: object, path: Path, begin: int) -> StoredTensor | Finding:
    """Compare an entry's dtype and shape with the bytes it claims."""
    try:
        entry = msgspec.convert(raw, _Entry)
    except msgspec.ValidationError as error:
        return Finding("error", "bad-header", printable(name), f"header lies: its entry is malformed: {error}")
    lie = _lie(entry)
    if lie:
        return Finding("error", "bad-header", printable(name), f"header lies: {lie}")
    return StoredTensor(name, entry.dtype, entry.shape, path, begin + entry.data_offsets[0])


def _lie(entry: _Entry) -> str:
    start, stop = entry.data_offsets
    if entry.dtype not in BITS:
        return f"unknown dtype '{shortened(entry.dtype)}'"
    if len(entry.shape) > _MOST_AXES:
        return f"shape has {len(entry.shape):,} axes; torch's tensors have {_MOST_AXES} at most"
    if max(0, *entry.shape, stop) >= _MOST_COUNTED:
        return "a length or an offset is no number of 63 bits"
    if min(entry.shape, default=0) < 0 or start < 0 or stop < start:
        return f"shape {list(entry.shape)} and offsets {start}, {stop} cannot be"
    needed = prod(entry.shape) * BITS[entry.dtype] // 8
    if needed != stop - start:
        return f"shape {list(entry.shape)} of {entry.dtype} takes {needed:,} bytes, the offsets give {stop - start:,}"
    return ""


def _check_data(
    tensors: list[StoredTensor], begin: int, size: int, place: str
) -> tuple[list[StoredTensor], list[Finding]]:
    """Find tensors that overlap or lie beyond the end; return the others."""
    findings: list[Finding] = []
    end = begin
    beyond: list[str] = []
    complete: list[StoredTensor] = []
    for tensor in sorted(tensors, key=lambda t: (t.offset or 0, t.nbytes)):
        assert tensor.offset is not None
        if tensor.offset < end:
            message = "header lies: its data overlap those of the tensor before it"
            findings.append(Finding("error", "bad-header", printable(tensor.name), message))
        elif tensor.offset > end:
            gap = f"header lies: {tensor.offset - end:,} bytes before its data belong to no tensor: {_REFUSED}"
            findings.append(Finding("warning", "bad-header", printable(tensor.name), gap))
        end = max(end, tensor.offset + tensor.nbytes)
        if tensor.offset + tensor.nbytes > size:
            beyond.append(tensor.name)
        else:
            complete.append(tensor)
    if beyond:
        lost = f"{len(beyond)} of {len(tensors)} tensors are incomplete, from {shortened(beyond[0])} on"
        message = f"truncated: the header describes {end:,} bytes, the file has {size:,}; {lost}"
        findings.append(Finding("error", "truncated", place, message))
    elif end < size:
        message = f"{size - end:,} bytes after the last tensor belong to nothing: {_REFUSED}"
        findings.append(Finding("warning", "bad-header", place, message))
    by_name = {tensor.name: tensor for tensor in complete}
    return [by_name[tensor.name] for tensor in tensors if tensor.name in by_name], findings


class SafetensorsSource:
    """The tensors of one or more files."""

    def __init__(self, tensors: dict[str, StoredTensor]) -> None:
        self.tensors = tensors

    def portions(self, tensor: StoredTensor, start: int, stop: int) -> "Iterator[np.ndarray[Any, Any]]":
        """Yield numbers ``start`` to ``stop`` in portions, each of which is overwritten by the next.

        Raises:
            OSError: the file cannot be read, or has become shorter.
        """
        from gptcli.checkpoints.numbers import as_numbers

        assert tensor.offset is not None
        item = BITS[tensor.dtype] // 8
        buffer = bytearray(min(_PORTION, max(stop - start, 0)) * item)
        with tensor.file.open("rb", buffering=0) as file:
            file.seek(tensor.offset + start * item)
            while start < stop:
                view = memoryview(buffer)[: min(_PORTION, stop - start) * item]
                _fill(file, view)
                yield as_numbers(view, tensor.dtype)
                start += _PORTION


def _fill(file: Any, view: memoryview) -> None:
    while view:
        read = file.readinto(view)
        if not read:
            raise OSError(5, "file ends early", file.name)
        view = view[read:]
