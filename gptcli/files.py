"""Output files that are what their ending says, and whole or not there; standard input that may be closed."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath

from gptcli.errors import GptcliError, InputError


class WriteError(Exception):
    """Why a writer could not fill its file; `replaced_file` tells it with the name of the target."""


def check_ending(target: str, what: str, endings: Sequence[str], *, option: str = "") -> str:
    """Return the ending of an output file in small letters, or an empty string where its name has none.

    Args:
        target: the file.
        what: is to be written, for messages.
        endings: what such a file can end in, the usual one first.
        option: that names the file, if one does.

    Raises:
        InputError: it ends in something else; with what it can end in, and a name that works.
    """
    suffix = PurePath(target).suffix
    if not suffix or suffix.lower() in endings:
        return suffix.lower()
    from shlex import quote

    *others, last = endings
    named = f"{', '.join(others)} or {last}" if others else last
    stem = target.removesuffix(suffix)
    better = stem if PurePath(stem).suffix.lower() in endings else f"{stem}{endings[0]}"
    way_out = f"use {option} {quote(better)}" if option else f"name it {quote(better)}"
    raise InputError(f"{target}: {what} cannot be written as {suffix}, only as {named}; {way_out}")


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


@contextmanager
def new_directory(target: str) -> Iterator[Path]:
    """Give a directory beside the target that takes its name when the block ends well, and is gone otherwise.

    Enter this before the work, as `replaced_file`.

    Raises:
        InputError: something is there already, or nothing can be written there.
        GptcliError: a file in it could not be filled (`WriteError`), or the directory not be put in its place.
    """
    if not target:
        raise InputError("no name given for the output directory; name one, e.g. my_gpt")
    try:
        path = Path(os.path.realpath(target))
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{target}: exists already; name a new directory")
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=".gptcli-"))
    except (OSError, ValueError) as error:
        raise InputError(_cannot_be_written(target, error)) from None
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        temporary.replace(path)
    except WriteError as error:
        raise GptcliError(f"{target}: cannot be written: {error}") from None
    except OSError as error:
        raise GptcliError(_cannot_be_written(target, error)) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
    return f"{target}: cannot be written: {reason}{_way_out(target, error)}"


def _way_out(target: str, error: Exception) -> str:
    from shlex import quote

    folder = os.path.dirname(target)  # noqa: PTH120  # as it was typed
    if isinstance(error, FileNotFoundError) and not os.path.lexists(folder):
        return f"; make its folder with: mkdir -p {quote(folder)}"
    return "; choose another folder" if isinstance(error, PermissionError) else ""


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
