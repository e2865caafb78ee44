"""Tensors as they lie in files, and what can be wrong with them."""

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from gptcli.reports.finding import Finding

if TYPE_CHECKING:
    import numpy as np

# Bits of a number by the names of the safetensors format, with the names people type where there are such.
BITS: dict[str, int] = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "C64": 64, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8,
    "BOOL": 8,
}  # fmt: skip
COMMON_NAMES = {"F64": "fp64", "F32": "fp32", "F16": "fp16", "BF16": "bf16"}
COMPLEX = ("C64",)
WEIGHT_DTYPES = tuple(COMMON_NAMES)  # what a GPT-2's weights may be stored in


class StoredTensor(Struct, frozen=True):
    """A tensor in a file.

    Attributes:
        name: as it stands in the file.
        dtype: by the names of the safetensors format: ``F32``, ``BF16``.
        shape: in the file's own order.
        file: where it lies.
        offset: bytes from the beginning of the file, or None where a pickle says where it lies.
        storage: equal for tensors of one pickle that share their memory, else None.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    offset: int | None = None
    storage: int | None = None

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes they take."""
        return self.numbers * BITS[self.dtype] // 8


class Source(Protocol):
    """Whatever holds the tensors of a checkpoint: safetensors files, or a pickle that torch has opened."""

    tensors: dict[str, StoredTensor]

    def portions(self, tensor: StoredTensor, start: int, stop: int) -> "Iterator[np.ndarray[Any, Any]]":
        """Yield the numbers from start to stop, row by row as stored, in portions of bounded size."""
        ...


class Opened(Struct, frozen=True, kw_only=True):
    """A checkpoint whose headers have been read.

    Attributes:
        path: what the user named.
        files: the files that hold tensors.
        kind: ``safetensors`` or ``pickle``.
        source: its tensors, by name.
        settings: the model's settings that came with it - a parsed ``config.json``, nanoGPT's ``model_args`` - or None.
        settings_place: where they stood, for messages.
        total_bytes: size of the files.
        findings: what is wrong with the files themselves.
        extras: bytes beside the weights, by what they are: an optimizer's state.
        name: what to call the model, where the path does not say.
        headers_only: whether the numbers are out of reach: the files are not here.
    """

    path: Path
    files: list[Path]
    kind: str
    source: Source
    settings: Mapping[str, object] | None = None
    settings_place: str = ""
    total_bytes: int
    findings: list[Finding] = []
    extras: dict[str, int] = {}
    name: str = ""
    headers_only: bool = False
