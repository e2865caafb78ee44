"""Errors as one line each on stderr."""

import os
import sys

from gptcli.config.printable import harmless, printable


def colour_wanted(stream: object) -> bool:
    """Return whether a stream is a terminal that shows colour and nobody asked for none."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def print_error(message: str) -> None:
    """Print the message after ``error:`` in one line; control characters of the input stay harmless."""
    _print("error", "31", message)


def print_note(message: str) -> None:
    """Print something worth knowing that is no result, on stderr."""
    _print("note", "36", message)


def print_traceback(error: Exception) -> None:
    """Print where an error came from, for whoever asked for it with ``--debug``."""
    import traceback

    sys.stderr.write(harmless("".join(traceback.format_exception(error))))


def _print(word: str, colour: str, message: str) -> None:
    head = f"\x1b[1;{colour}m{word}:\x1b[0m" if colour_wanted(sys.stderr) else f"{word}:"
    print(head, printable(message), file=sys.stderr)  # noqa: T201  # this is where errors are printed
