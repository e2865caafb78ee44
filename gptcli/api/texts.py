"""Texts from arguments, files and standard input, which is read where no text is given and it is no terminal."""

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from gptcli.config import STDIN
from gptcli.config.printable import shortened
from gptcli.errors import InputError
from gptcli.files import open_input, open_stdin, read_stdin
from gptcli.tokenizer import check_text, text_pieces

# Yields the file that it is given; told its bytes, or None where nobody knows, and what is being done.
Watched = Callable[[BinaryIO, int | None, str], AbstractContextManager[BinaryIO]]


def unwatched(file: BinaryIO, _size: int | None, _message: str) -> AbstractContextManager[BinaryIO]:
    """Yield a file that nobody watches."""
    return nullcontext(file)


def read_texts(
    texts: Sequence[str] | None, files: Sequence[str] | None, *, config: str = "", what: str = "text"
) -> list[str]:
    """Return the texts in the order given, arguments before files, exactly as they stand (no newline is touched).

    Args:
        texts: arguments; ``-`` reads standard input.
        files: paths; ``-`` reads standard input.
        config: the value of ``--config``, which may want standard input too.
        what: the texts are, for messages.

    Raises:
        InputError: nothing was given, a file cannot be read or is not UTF-8, standard input is asked for twice.
    """
    sources = enumerate(_sources(texts, files, config, what), start=1)
    read = [_read(source) if is_file else _argument(source, number) for number, (source, is_file) in sources]
    if not any(read) and not (texts or files):
        raise _nothing_given(what)
    return read


def read_pieces(
    texts: Sequence[str] | None, files: Sequence[str] | None, *, allow_special: bool, watched: Watched = unwatched
) -> Iterator[Iterator[str]]:
    """Yield each text of `read_texts` as pieces, so that no file is ever in memory whole.

    Args:
        texts: as for `read_texts`.
        files: likewise.
        allow_special: read ``<|endoftext|>`` as the special token.
        watched: wraps each file, to show how much of it has been read.

    Raises:
        InputError: as `read_texts`; what is wrong inside a file shows when its pieces are read.
    """
    for number, (source, is_file) in enumerate(_sources(texts, files), start=1):
        if not is_file:
            yield iter([_argument(source, number)])
            continue
        pieces = _pieces_of(source, watched, allow_special=allow_special)
        yield pieces if texts or files else _not_empty(pieces)


def _pieces_of(source: str, watched: Watched, *, allow_special: bool) -> Iterator[str]:
    name = _file_name(source)
    try:
        with _opened(source) as file, watched(file, _size(file), f"Reading {shortened(Path(name).name)}") as seen:
            yield from text_pieces(seen, name, allow_special=allow_special)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{name}: cannot be read: {reason}") from None


def _not_empty(pieces: Iterator[str]) -> Iterator[str]:
    """Pass on the pieces of a text that nobody has named, of which there must be one."""
    first = next(pieces, None)
    if first is None:
        raise _nothing_given()
    yield first
    yield from pieces


def _size(file: BinaryIO) -> int | None:
    """Return the bytes of a regular file; None for a pipe, which has no size."""
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _opened(source: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(open_stdin()) if source == STDIN else open_input(source)


def _sources(
    texts: Sequence[str] | None, files: Sequence[str] | None, config: str = "", what: str = "text"
) -> list[tuple[str, bool]]:
    """Return where each text is, and whether that is a file (or standard input) rather than the text itself."""
    sources = [(text, text == STDIN) for text in texts or ()] + [(path, True) for path in files or ()]
    if not sources:
        if config == STDIN or sys.stdin is None or sys.stdin.isatty():
            raise _nothing_given(what)
        return [(STDIN, True)]
    readers = [config, *(source for source, is_file in sources if is_file)].count(STDIN)
    if readers > 1:
        raise InputError("standard input can be read only once; name a file for one of the '-'")
    return sources


def _nothing_given(what: str = "text") -> InputError:
    it = "them" if what == "ids" else "it"
    return InputError(f"no {what} given; write {it} after the command, name a file with -f, or pipe {it} in")


def text_names(texts: Sequence[str] | None, files: Sequence[str] | None) -> list[str]:
    """Return what to call each of the texts in messages: ``text 1``, ``<stdin>``, the path of a file."""
    if not (texts or files):
        return [_file_name(STDIN)]
    named = [_file_name(text) if text == STDIN else f"text {number}" for number, text in enumerate(texts or (), 1)]
    return named + [_file_name(path) for path in files or ()]


def _file_name(source: str) -> str:
    return "<stdin>" if source == STDIN else source


def _argument(text: str, number: int) -> str:
    check_text(text, f"text {number}")
    return text


def _read(source: str) -> str:
    data = read_stdin() if source == STDIN else _read_file(source)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        name = _file_name(source)
        line = data.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{data[error.start]:02X} at offset {error.start} is not UTF-8"
        raise InputError(f"{name}:{line}: {what}; convert the text first") from None


def _read_file(path: str) -> bytes:
    try:
        with open_input(path) as file:
            return file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: cannot be read: {reason}") from None
