"""What a pickle would import when it is opened, read off its instructions without following any."""

import pickletools
from itertools import islice
from pathlib import Path
from typing import BinaryIO

_MOST_INSTRUCTIONS = 1_000_000
_STRINGS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE")
# What any state_dict needs.
_HARMLESS = ("torch._utils._rebuild_", "collections.OrderedDict", "torch.FloatStorage", "torch.LongStorage")


def called_names(file: Path) -> list[str]:
    """Return the functions and classes that the pickles in a file name, beyond those of plain tensors."""
    names: dict[str, None] = {}
    with file.open("rb") as opened:
        try:
            while opened.peek(1):  # files of older versions of torch hold several, one after the other
                names |= dict.fromkeys(_named(opened))
        except (ValueError, OSError, EOFError, IndexError, UnicodeDecodeError):
            pass  # after the pickles lie numbers, or the file is cut off
    return [name for name in names if not name.startswith(_HARMLESS)]


def _named(opened: BinaryIO) -> list[str]:
    found: list[str] = []
    strings: list[str] = []
    for instruction, argument, _ in islice(pickletools.genops(opened), _MOST_INSTRUCTIONS):
        if instruction.name in _STRINGS:
            strings = [*strings[-1:], str(argument)]
        elif instruction.name == "GLOBAL":
            found.append(str(argument).replace(" ", "."))
        elif instruction.name == "STACK_GLOBAL" and len(strings) > 1:
            found.append(".".join(strings))
    return found
