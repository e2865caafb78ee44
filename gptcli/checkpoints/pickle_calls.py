"""What a pickle would import when it is opened, read off its instructions without following any."""

import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from itertools import islice
from pathlib import Path
from typing import BinaryIO

_MOST_INSTRUCTIONS = 1_000_000
_STRINGS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE")
# What any state_dict needs.
_HARMLESS = (
    "torch._utils._rebuild_",
    "collections.OrderedDict",
    "_codecs.encode",
    "torch.FloatStorage",
    "torch.LongStorage",
)


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


def name_today(module: str, name: str) -> str:
    """Return what Python 3 calls what a pickle of the older protocols calls as Python 2 did: ``__builtin__.set``."""
    if (module, name) in NAME_MAPPING:
        return ".".join(NAME_MAPPING[module, name])
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"


def _named(opened: BinaryIO) -> list[str]:
    found: list[str] = []
    strings: list[str] = []
    for instruction, argument, _ in islice(pickletools.genops(opened), _MOST_INSTRUCTIONS):
        if instruction.name in _STRINGS:
            strings = [*strings[-1:], str(argument)]
        elif instruction.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            found.append(name_today(module, name))
        elif instruction.name == "STACK_GLOBAL" and len(strings) > 1:
            found.append(name_today(strings[0], strings[1]))
    return found
