"""Output files that are whole or not there, and standard input that may be closed."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gptcli.errors import GptcliError, InputError


class WriteError(Exception):
    """Why a writer could not fill its file; `replaced_file` tells it with the name of the target."""


@contextmanager
def replaced_file(target: str) -> Iterator[Path]:
    """Give a temporary file beside the target, which takes the target's name when the block ends well.

    Enter this before the work, so that a path that cannot be written fails at once; whatever ends the block early
    leaves the target as it was and nothing beside it. A symbolic link stays, the file it leads to is replaced.

    Raises:
        InputError: the folder does not exist or cannot be written, or the target is something else than a file.
        GptcliError: the file could not be filled (`WriteError`), or not be put in its place.
    """
    if not target:
        raise InputError("no name given for the output file; name one, e.g. out.safetensors")
    try:
        path = Path(os.path.realpath(target))
        mode = _mode_to_keep(path, target)
        # The prefix leaves out the target's name: with it, a long name would be too long.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".gptcli-")
    except (OSError, ValueError) as error:
        raise InputError(_cannot_be_written(target, error)) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _put_in_place(temporary, path, mode, target)
    except WriteError as error:
        raise GptcliError(f"{target}: cannot be written: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def read_stdin(limit: int = -1) -> bytes:
    """Return standard input, or no more than so many bytes of it.

    Raises:
        InputError: it is closed or cannot be read.
    """
    if sys.stdin is None:
        raise InputError("<stdin>: is closed; pipe something in, or name a file instead of '-'")
    try:
        return sys.stdin.buffer.read(limit)
    except OSError as error:
        raise InputError(f"<stdin>: cannot be read: {error.strerror or error}") from None


def _mode_to_keep(path: Path, target: str) -> int:
    """Return the permissions that the target has or would get; refuse one that is no regular file."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return 0o666 & ~_umask()
    if stat.S_ISDIR(mode):
        raise InputError(f"{target}: is a directory; name a file in it")
    if stat.S_ISLNK(mode):
        raise InputError(f"{target}: is a link that leads back to itself; name another file")
    if not stat.S_ISREG(mode):
        raise InputError(f"{target}: is a device or a pipe, which cannot be replaced by a file; name a regular file")
    return stat.S_IMODE(mode)


def _put_in_place(temporary: Path, path: Path, mode: int, target: str) -> None:
    try:
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        raise GptcliError(_cannot_be_written(target, error)) from None


def _cannot_be_written(target: str, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{target}: cannot be written: {reason}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
