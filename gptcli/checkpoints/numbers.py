"""Bytes of a tensor as NumPy numbers, formats that NumPy lacks included."""

from typing import Any

import numpy as np

Numbers = np.ndarray[Any, Any]

_NUMPY = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "I16": np.int16,
    "I8": np.int8, "U64": np.uint64, "U32": np.uint32, "U16": np.uint16, "U8": np.uint8, "BOOL": np.uint8,
}  # fmt: skip


def as_numbers(data: memoryview | bytes, dtype: str) -> Numbers:
    """Return the numbers: floats of at least 32 bits, or integers.

    Args:
        data: little-endian bytes.
        dtype: by the names of the safetensors format; one that NumPy has no use for gives its raw bytes.
    """
    if dtype == "BF16":  # the upper half of an fp32
        return (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32)
    if dtype == "F16":
        return np.frombuffer(data, np.float16).astype(np.float32)
    return np.frombuffer(data, _NUMPY.get(dtype, np.uint8))
