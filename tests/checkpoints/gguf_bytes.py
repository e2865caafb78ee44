"""GGUF files written byte by byte, so that they can say what no writer writes."""

import struct
from collections.abc import Sequence
from typing import Any

TYPES = {"u8": (0, "B"), "i8": (1, "b"), "u16": (2, "H"), "i16": (3, "h"), "u32": (4, "I"), "i32": (5, "i"),
         "f32": (6, "f"), "bool": (7, "?"), "u64": (10, "Q"), "i64": (11, "q"), "f64": (12, "d")}  # fmt: skip

# Name, shape with the row first, number of the type, offset, bytes of data.
Tensor = tuple[str, tuple[int, ...], int, int, int]
USUAL: list[Tensor] = [
    ("token_embd.weight", (64, 3), 8, 0, 3 * 68),
    ("blk.0.attn_q.weight", (256, 2), 12, 224, 288),
    ("norm.weight", (7,), 0, 512, 28),
]
NAMED = [("general.architecture", "str", "llama"), ("general.name", "str", "A model")]


def text(value: str | bytes, order: str = "<") -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(f"{order}Q", len(raw)) + raw


def value(type_: str, given: Any, order: str = "<") -> bytes:
    """Return a value with its type; of an array the values' type follows a colon: ``arr:u32``."""
    if type_ == "str":
        return struct.pack(f"{order}I", 8) + text(given, order)
    if type_.startswith("arr:"):
        within = type_.removeprefix("arr:")
        number = 8 if within == "str" else 9 if within.startswith("arr:") else TYPES[within][0]
        body = b"".join(value(within, each, order)[4:] for each in given)
        return struct.pack(f"{order}IIQ", 9, number, len(given)) + body
    number, form = TYPES[type_]
    return struct.pack(f"{order}I{form}", number, given)


def entry(tensor: Tensor, order: str = "<") -> bytes:
    name, shape, type_, offset, _ = tensor
    dims = struct.pack(f"{order}I{len(shape)}Q", len(shape), *shape)
    return text(name, order) + dims + struct.pack(f"{order}IQ", type_, offset)


def header(
    keys: Sequence[tuple[str, str, Any]] = NAMED,
    tensors: Sequence[Tensor] = USUAL,
    *,
    version: int = 3,
    order: str = "<",
    amounts: tuple[int, int] | None = None,
) -> bytes:
    counts = amounts or (len(tensors), len(keys))
    begin = b"GGUF" + struct.pack(f"{order}IQQ", version, *counts)
    said = b"".join(text(key, order) + value(type_, given, order) for key, type_, given in keys)
    return begin + said + b"".join(entry(tensor, order) for tensor in tensors)


def padded(data: bytes, alignment: int = 32) -> bytes:
    return data + b"\0" * (-len(data) % alignment)


def file_of(
    keys: Sequence[tuple[str, str, Any]] = NAMED,
    tensors: Sequence[Tensor] = USUAL,
    *,
    alignment: int = 32,
    **said: Any,
) -> bytes:
    size = max((offset + bytes_ for *_, offset, bytes_ in tensors), default=0)
    return padded(header(keys, tensors, **said), alignment) + padded(b"\0" * size, alignment)
