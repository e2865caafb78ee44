"""Keys and values at the beginning of GGUF files, read one after the other; arrays and long texts are passed over.

Nothing is allocated for what a file claims: a length is compared with the bytes that are left before anything is read.
"""

import struct
from typing import BinaryIO

from msgspec import Struct

from gptcli.checkpoints.safetensors_file import BrokenFileError
from gptcli.config.printable import shortened

MOST_BYTES = 100_000_000  # of keys, values and the list of tensors: the largest vocabularies take a tenth of that
_WINDOW = 2**20
_LONGEST_KEY = 2**16  # bytes, likewise of a tensor's name
_LONGEST_KEPT = 2**10  # bytes of another text
_DEEPEST = 4  # arrays within arrays, which llama.cpp refuses altogether
_MOST_WITHIN = 100_000  # of those
_LENGTH = 8  # bytes of a length

# The types of values, ``enum gguf_type`` of ggml/include/gguf.h: names and formats of `struct`.
_NAMES = {
    0: "u8", 1: "i8", 2: "u16", 3: "i16", 4: "u32", 5: "i32", 6: "f32", 7: "bool", 10: "u64", 11: "i64", 12: "f64",
}  # fmt: skip
_NUMBERS = dict(zip(_NAMES, zip(_NAMES.values(), "BbHhIifBQqd", strict=True), strict=True))
_SIZES = {type_: struct.calcsize(f"<{form}") for type_, (_, form) in _NUMBERS.items()}
STRING, ARRAY = 8, 9


class Array(Struct, frozen=True):
    """An array that was passed over: the type of its values, and how many there are."""

    type: str
    length: int


Value = int | float | bool | str | Array


class Cursor:
    """Reads a file from its beginning.

    Args:
        file: the file.
        size: its bytes.
        place: what to call it.
    """

    def __init__(self, file: BinaryIO, size: int, place: str) -> None:
        self._file = file
        self._size = size
        self.place = place
        self.order = "<"
        self._window = b""
        self._begin = 0  # of the window, in the file
        self._at = 0  # in the window
        self._within = 0  # arrays that lie in others

    @property
    def position(self) -> int:
        """Bytes from the beginning of the file."""
        return self._begin + self._at

    @property
    def left(self) -> int:
        """Bytes to the end of the file."""
        return self._size - self.position

    def take(self, amount: int, what: str) -> bytes:
        """Return the next bytes.

        Raises:
            BrokenFileError: the file ends before, or its header is larger than any.
        """
        self._check(amount, what)
        if self._at + amount > len(self._window):
            self._begin += self._at
            self._file.seek(self._begin)
            self._window, self._at = self._file.read(max(amount, _WINDOW)), 0
            if len(self._window) < amount:
                raise OSError(5, "file ends early", self.place)
        self._at += amount
        return self._window[self._at - amount : self._at]

    def skip(self, amount: int, what: str) -> None:
        """Pass over the next bytes; raises as `take`."""
        self._check(amount, what)
        self._at += amount
        if self._at > len(self._window):
            self._begin, self._at, self._window = self.position, 0, b""

    def _check(self, amount: int, what: str) -> None:
        if amount > self.left:
            message = f"truncated: it ends within {what}, of {amount:,} bytes of which {self.left:,} are there"
            raise BrokenFileError("truncated", self.place, message)
        if self.position + amount > MOST_BYTES:
            message = f"header lies: keys, values and tensors take more than {MOST_BYTES:,} bytes, at {what}"
            raise BrokenFileError("bad-header", self.place, message)

    def number(self, form: str, what: str) -> int:
        """Return the next whole number, in a format of `struct`; raises as `take`."""
        (value,) = struct.unpack(self.order + form, self.take(struct.calcsize(f"<{form}"), what))
        return int(value)

    def text(self, what: str, longest: int = _LONGEST_KEY) -> str:
        """Return the next text, or the beginning of a long one; raises as `take`."""
        length = self.number("Q", f"the length of {what}")
        self._check(length, what)
        kept = self.take(min(length, longest), what)
        self.skip(length - len(kept), what)
        return kept.decode("utf-8", "backslashreplace")

    def value(self, type_: int, what: str) -> Value:
        """Return the next value of a type; raises as `take`, and for a type that there is not."""
        if type_ in _NUMBERS:
            name, form = _NUMBERS[type_]
            (number,) = struct.unpack(self.order + form, self.take(_SIZES[type_], what))
            return bool(number) if name == "bool" else number
        if type_ == STRING:
            return self.text(what, _LONGEST_KEPT)
        if type_ == ARRAY:
            return self._array(what, 1)
        raise self._unknown(type_, what)

    def _array(self, what: str, depth: int) -> Array:
        type_, length = self.number("I", what), self.number("Q", what)
        if type_ in _SIZES:
            self.skip(length * _SIZES[type_], what)
            return Array(_NUMBERS[type_][0], length)
        if type_ not in (STRING, ARRAY):
            raise self._unknown(type_, what)
        self._check(length * _LENGTH, what)  # at least
        if type_ == STRING:
            self._skip_texts(length, what)
            return Array("str", length)
        self._within += length
        if depth == _DEEPEST or self._within > _MOST_WITHIN:
            message = f"header lies: {what} has arrays within arrays, more or deeper than are read"
            raise BrokenFileError("bad-header", self.place, message)
        for _ in range(length):
            self._array(what, depth + 1)
        return Array("arr", length)

    def _skip_texts(self, amount: int, what: str) -> None:
        """Pass over texts: a vocabulary has hundreds of thousands, so those within the window cost next to nothing."""
        length_at = struct.Struct(f"{self.order}Q").unpack_from
        while amount:
            window, at, last = self._window, self._at, len(self._window) - _LENGTH
            while amount and at <= last:
                after = at + _LENGTH + length_at(window, at)[0]
                if after > len(window):
                    break
                at = after
                amount -= 1
            self._at = at
            if amount:  # across the end of the window
                self.skip(self.number("Q", what), what)
                amount -= 1

    def _unknown(self, type_: int, what: str) -> BrokenFileError:
        return BrokenFileError("bad-header", self.place, f"header lies: {what} is of type {type_}, which there is not")


def key_words(key: str) -> str:
    """Return how a message names the value of a key."""
    return f"the value of {shortened(key)!r}" if key else "the value of an empty key"
