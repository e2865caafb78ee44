"""A tokenizer by the path of its file, or of the folder that it lies in."""

import re
from pathlib import Path

from gptcli.config.printable import printable
from gptcli.errors import InputError
from gptcli.files import open_input
from gptcli.tokenizer.packaged import GPT2
from gptcli.tokenizer.tokenizer import Tokenizer
from gptcli.tokenizer.vocabulary import NAME

TOKENIZER_FILE = "tokenizer.json"
PACKAGED = ("gpt2", NAME)  # names of the packaged encoding
MAX_BYTES = 256 * 2**20  # the largest of known models, with a quarter of a million entries, has 35 MB
_RANKS = ".tiktoken"
_RANKS_LINE = re.compile(rb"[A-Za-z0-9+/]+=* \d+\r?\n")
_OTHER_FILES = ("tokenizer.model", "spiece.model", "vocab.json")
_MARK = b"\xef\xbb\xbf"


def open_tokenizer(source: str) -> Tokenizer:
    """Open what ``--tokenizer`` names: ``tokenizer.json``, a folder that holds it, a ``.tiktoken`` file, or ``gpt2``.

    Raises:
        InputError: there is no such file, or it is no tokenizer.
    """
    if source in PACKAGED:
        return GPT2
    if source in ("", "-"):
        raise InputError(f"--tokenizer {source!r} names no file; name a {TOKENIZER_FILE} or a {_RANKS} file")
    return open_file(_file_of(Path(source)))


def tokenizer_in(folder: Path) -> Path | None:
    """Return the tokenizer's file in a folder, or None where there is none."""
    path = folder / TOKENIZER_FILE
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):
        return None


def open_file(path: Path) -> Tokenizer:
    """Open a tokenizer's file; its beginning says of which kind it is.

    Raises:
        InputError: it cannot be read, or is no tokenizer.
    """
    name = printable(str(path))
    data = _read(path, name)
    if data.removeprefix(_MARK).lstrip().startswith((b"{", b"[")):
        from gptcli.tokenizer.tokenizer_file import TokenizerFile

        return TokenizerFile(data, str(path))
    if path.suffix == _RANKS or _RANKS_LINE.match(data):
        from gptcli.tokenizer.ranks_file import RanksFile

        return RanksFile(data, str(path))
    what = "is empty" if not data else f"is neither a {TOKENIZER_FILE} nor a {_RANKS} file"
    raise InputError(f"{name}: {what}; {_convert(path)}")


def _read(path: Path, name: str) -> bytes:
    try:
        with open_input(path) as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{name}: cannot be read: {reason}; name a {TOKENIZER_FILE} or a {_RANKS} file") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"{name}: has more than {MAX_BYTES // 2**20} MiB, which no tokenizer has; name another file")
    return data


def _file_of(path: Path) -> Path:
    """Return the file itself where a folder is named."""
    try:
        if not path.is_dir():
            return path
        found = tokenizer_in(path)
        others = [name for name in _OTHER_FILES if (path / name).exists()]
    except (OSError, ValueError):
        return path  # what is wrong with it is reported when it is opened
    if found is not None:
        return found
    holds = f", though it holds {others[0]}; {_convert(path / others[0])}" if others else "; name another"
    raise InputError(f"{printable(str(path))}: is a directory without {TOKENIZER_FILE}{holds}")


def _convert(path: Path) -> str:
    """Say what makes a usable file of another kind."""
    if path.name in _OTHER_FILES:
        return f"transformers' tokenizer.save_pretrained makes a {TOKENIZER_FILE} of it"
    return "name another file"
