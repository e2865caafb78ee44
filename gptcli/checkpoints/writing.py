"""Safetensors files written tensor by tensor, so that memory holds one at a time."""

from collections.abc import Callable, Iterable
from math import prod
from pathlib import Path

import msgspec
from msgspec import Struct

from gptcli.checkpoints.safetensors_file import LENGTH_BYTES
from gptcli.checkpoints.stored import BITS

_ALIGNED = 8  # data begin at a multiple of this, as other writers see to


class Planned(Struct, frozen=True):
    """A tensor to be written.

    Attributes:
        name: in the file.
        dtype: by the names of the safetensors format.
        shape: in the file's own order.
        data: gives the bytes, row by row, little-endian; called when their turn comes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: Callable[[], memoryview | bytes]

    @property
    def nbytes(self) -> int:
        """How many bytes its numbers take."""
        return prod(self.shape) * BITS[self.dtype] // 8


def write_safetensors(path: Path, tensors: Iterable[Planned], listed: list[Planned], metadata: dict[str, str]) -> None:
    """Write a file.

    Args:
        path: of the file, which is overwritten.
        tensors: what to write, in order; passed through a counter that shows progress.
        listed: the same.
        metadata: strings beside the tensors.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("wb") as file:
        file.write(file_start(listed, metadata))
        for tensor in tensors:
            file.write(tensor.data())


def file_start(listed: Iterable[Planned], metadata: dict[str, str]) -> bytes:
    """Return what a file begins with; after it come the data, in the order of the list and without gaps."""
    entries: dict[str, object] = {"__metadata__": metadata}
    end = 0
    for tensor in listed:
        entries[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": tensor.shape,
            "data_offsets": (end, end + tensor.nbytes),
        }
        end += tensor.nbytes
    header = msgspec.json.encode(entries)
    header += b" " * (-(LENGTH_BYTES + len(header)) % _ALIGNED)
    return len(header).to_bytes(LENGTH_BYTES, "little") + header
