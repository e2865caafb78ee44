"""A safetensors file of a forward pass that is written while the pass runs: memory holds no step for it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from gptcli.checkpoints.writing import Planned, file_start
from gptcli.files import WriteError
from gptcli.reports.flow import FlowStep

_NAMES = {torch.int64: "I64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
_IDS, _LOGITS = "input_ids", "logits"


class StepsFile:
    """Takes the tensors in the order of the steps: ``input_ids`` first, every step under its path, ``logits`` last."""

    def __init__(self, file: BinaryIO, ids: Tensor, steps: Sequence[FlowStep], dtype: torch.dtype) -> None:
        self._file = file
        self._last = steps[-1].path
        planned = [_planned(_IDS, tuple(ids.shape), ids.dtype)]
        planned += [_planned(step.path, step.shape, dtype) for step in steps]
        planned.append(_planned(_LOGITS, steps[-1].shape, torch.float32))
        self._write(file_start(planned, {"format": "pt"}))
        self._write(_data(ids))

    def __call__(self, path: str, x: Tensor) -> None:
        """Write the output of a step.

        Raises:
            WriteError: the disk does not take it.
        """
        self._write(_data(x))
        if path == self._last:
            self._write(_data(x.float()))

    def _write(self, data: bytes | memoryview) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise WriteError(error.strerror or str(error)) from None


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be written.

    Raises:
        WriteError: it cannot be opened, or what is left of it not be written.
    """
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise WriteError(error.strerror or str(error)) from None


def _planned(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Planned:
    return Planned(name, _NAMES[dtype], shape, bytes)


def _data(x: Tensor) -> memoryview:
    """Return a tensor's bytes, row by row."""
    whole = x.cpu().contiguous().view(-1)  # (N,)
    assert whole.numel() == prod(x.shape)
    data: memoryview = whole.view(torch.uint8).numpy().data
    return data
