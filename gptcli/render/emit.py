"""The one place where results reach stdout."""

import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

from gptcli.config.printable import harmless
from gptcli.render.errors import colour_wanted
from gptcli.reports.report import Report

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType


def print_text(text: "RenderableType", *, wrap: bool = True, stream: TextIO | None = None) -> None:
    """Print what a renderer made of a report, in the width and the colours of the stream.

    Args:
        text: what to print; a string is a document, which a program gets as it is.
        wrap: break lines at that width; False leaves them as they are, for text that a program reads.
        stream: stdout by default; stderr for what is worth knowing beside a result.
    """
    from gptcli.render.console import make_console

    stream = stream or sys.stdout
    if isinstance(text, str) and not stream.isatty():
        stream.write(f"{text}\n")
        return
    console = make_console(stream)
    if console.is_terminal:
        console.print(text, no_wrap=not wrap, crop=False)
        return
    with console.capture() as captured:
        console.print(text, no_wrap=not wrap, crop=False)
    stream.write(_without_filling(captured.get()))


def write_text(text: "RenderableType", path: "Path") -> None:
    """Write a document into a file, or what Rich makes of anything else at the width of a pipe, without colour.

    Raises:
        WriteError: the file cannot be filled.
    """
    from io import StringIO

    from gptcli.files import WriteError
    from gptcli.render.console import make_console

    if not isinstance(text, str):
        page = StringIO()
        make_console(page).print(text, crop=False)
        text = _without_filling(page.getvalue())
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise WriteError(error.strerror or str(error)) from None


def _without_filling(text: str) -> str:
    """Take away the blanks with which Rich fills the last column of a table: in a file or a diff they are noise."""
    return "".join(f"{line.rstrip(' ')}\n" for line in text.split("\n")[:-1])


def print_piece(piece: str, *, prominent: bool = False) -> None:
    """Print a piece of a text at once: as it is for a program, harmless for a terminal.

    Args:
        piece: any part of a text; nothing is added to it, no newline either.
        prominent: let it stand out where there is colour.
    """
    if sys.stdout.isatty():
        piece = harmless(piece)
    bold = prominent and colour_wanted(sys.stdout)
    sys.stdout.write(f"\x1b[1m{piece}\x1b[0m" if bold else piece)
    sys.stdout.flush()


def print_json(content: Report | dict[str, Any]) -> None:
    """Print one UTF-8 JSON document and a newline: indented on a terminal, one line in a pipe."""
    import msgspec

    try:
        document = _harmless_json(msgspec.json.encode(content))
    except UnicodeEncodeError:  # half a character of UTF-16, in a tensor's name or a path: only an escape can say it
        document = _escaped_json(content)
    if sys.stdout.isatty():
        document = msgspec.json.format(document, indent=2)
    print_bytes(document + b"\n")


def print_bytes(data: bytes) -> None:
    """Print exactly these bytes."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def print_decoded(data: bytes) -> None:
    """Print the bytes of a text: exactly these for a program, harmless and with a newline for a terminal."""
    if sys.stdout.isatty():
        print_piece(f"{data.decode(errors='backslashreplace')}\n")
    else:
        print_bytes(data)


def _escaped_json(content: object) -> bytes:
    import json

    import msgspec

    return json.dumps(msgspec.to_builtins(content), separators=(",", ":")).encode()


def _harmless_json(document: bytes) -> bytes:
    """Write what is invisible or controls a terminal as JSON's own escapes, which mean the same.

    JSON has such characters inside strings alone; those below a blank are escaped in any case.
    """
    if document.isascii() and b"\x7f" not in document:
        return document
    return re.sub(r"[\x7f-\U0010ffff]+", _escaped, document.decode()).encode()


def _escaped(match: re.Match[str]) -> str:
    text = match[0]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _utf16_escapes(c) for c in text)


def _utf16_escapes(character: str) -> str:
    digits = character.encode("utf-16-be").hex()
    return "".join(f"\\u{digits[at : at + 4]}" for at in range(0, len(digits), 4))
