"""Texts of any length, a piece at a time, cut only where the encoding cuts in any case.

GPT-2's pattern splits a text before its pieces are merged, and no alternative of it spans a character that is no white
space and white space after it, nor a letter and a character after it that is none. Cut there, the ids of the pieces
are those of the whole text.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from os import cpu_count
from typing import BinaryIO

from gptcli.errors import InputError
from gptcli.tokenizer.codec import WHITE_SPACE, encode

_BLOCK = 2**18  # bytes read at a time; ids of a few such pieces are in memory
_MOST_THREADS = 8  # tiktoken's own number for batches
_WAITING = 2  # pieces a thread has waiting, which bounds the memory
_LONGEST_CHARACTER = 4  # bytes in UTF-8


def text_pieces(file: BinaryIO, name: str, *, allow_special: bool = False) -> Iterator[str]:
    """Yield a UTF-8 text in pieces of a quarter of a mebibyte, newlines as they stand.

    Args:
        file: opened in binary mode.
        name: the file's name in messages.
        allow_special: keep ``<|endoftext|>`` in one piece; no white space is in it, but letters are.

    Raises:
        InputError: a byte is not UTF-8; pieces before it have been yielded.
        OSError: the file cannot be read.
    """
    held: list[str] = []
    for text in _decoded(file, name):
        cut = _last_cut(text, letters=not allow_special)
        if cut == 0:  # one word as long as a block, or white space all over
            held.append(text)
            continue
        yield "".join([*held, text[:cut]])
        held = [text[cut:]]
    if rest := "".join(held):
        yield rest


def encoded_pieces(pieces: Iterable[str], *, allow_special: bool = False) -> Iterator[list[int]]:
    """Yield the ids of each piece, in order; pieces are encoded side by side, a bounded number at a time."""
    from concurrent.futures import Future, ThreadPoolExecutor  # costs a tenth of a short command's start-up

    threads = min(cpu_count() or 1, _MOST_THREADS)
    waiting: deque[Future[list[int]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for piece in pieces:
                waiting.append(pool.submit(encode, piece, allow_special=allow_special))
                if len(waiting) > threads * _WAITING:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _decoded(file: BinaryIO, name: str) -> Iterator[str]:
    """Decode block by block, a character that two blocks share with the second."""
    rest, offset, line = b"", 0, 1
    while block := file.read(_BLOCK):
        data = rest + block
        try:
            text, rest = data.decode(), b""
        except UnicodeDecodeError as error:
            if error.end < len(data) or len(data) - error.start >= _LONGEST_CHARACTER:
                raise _not_utf8(name, data, error.start, offset, line) from None
            text, rest = data[: error.start].decode(), data[error.start :]
        offset += len(data) - len(rest)
        line += data.count(b"\n")
        if text:
            yield text
    if rest:
        raise _not_utf8(name, rest, 0, offset, line)


def _not_utf8(name: str, data: bytes, at: int, offset: int, line: int) -> InputError:
    line += data.count(b"\n", 0, at)
    what = f"byte 0x{data[at]:02X} at offset {offset + at} is not UTF-8"
    return InputError(f"{name}:{line}: {what}; convert the text first")


def _last_cut(text: str, *, letters: bool) -> int:
    """Return the last place where a text may be cut, 0 where there is none."""
    for at in range(len(text) - 1, 0, -1):
        before, after = text[at - 1], text[at]
        # Python's white space is a little more than the pattern's, so what it calls none is none.
        if after in WHITE_SPACE and not before.isspace():
            return at
        if letters and _is_letter(before) and after.isascii() and not _is_letter(after):
            return at
    return 0


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()
