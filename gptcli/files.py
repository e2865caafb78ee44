"""Files that are read and written: an output is what its ending says, whole or not there, and never an input."""

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path, PurePath
from typing import BinaryIO

from gptcli.errors import GptcliError, InputError
from gptcli.signals import undone

_Identity = tuple[int, int]  # device and inode: equal for all names of a file
_STREAM = "-"  # standard output, where a program writes to it
_OPTIONAL_OUTPUT = "-o"  # without this option, the output goes to standard output


class WriteError(Exception):
    """Why a writer could not fill its file; `replaced_file` reports it with the name of the target."""


class _Run:
    """The files of one run of a command."""

    def __init__(self) -> None:
        self.inputs: dict[_Identity, str] = {}
        self.expected: dict[_Identity, str] = {}
        self.outputs: dict[tuple[_Identity, str], str] = {}
        self.folders: dict[_Identity, tuple[str, Callable[[str], bool]]] = {}


_run: ContextVar[_Run | None] = ContextVar("run", default=None)


@contextmanager
def kept_apart() -> Iterator[None]:
    """Refuse, while the block runs, an output that is also an input or another output.

    A program that calls this package can read a file, be done with it and write it anew; one command line cannot.
    """
    token = _run.set(_Run())
    try:
        yield
    finally:
        _run.reset(token)


def open_input(path: str | Path) -> BinaryIO:
    """Open a file that the user named, or that lies in a directory they named, to be read. All such files come here.

    Raises:
        OSError: it cannot be opened.
        ValueError: no file can have this name.
        InputError: it is to be written by the same command.
    """
    with ExitStack() as stack:
        file = stack.enter_context(Path(path).open("rb"))
        _note_input(file.fileno(), str(path))
        stack.pop_all()
        return file


def note_folder(path: Path, changed_by: Callable[[str], bool]) -> None:
    """Say that a directory is read for what it holds.

    Args:
        path: the directory.
        changed_by: whether one more file of this name would make something else of it.

    Raises:
        InputError: the same command writes such a file into it.
    """
    run = _run.get()
    if run is None:
        return
    status = path.stat()
    identity = status.st_dev, status.st_ino
    run.folders[identity] = str(path), changed_by
    for (folder, name), target in run.outputs.items():
        if folder == identity and changed_by(name):
            raise InputError(_stranger(target, str(path)))


def expect_outputs(*targets: str | None) -> None:
    """Say which files are going to be written, so that `open_input` refuses them before any work is done.

    Raises:
        InputError: two of them are one file.
    """
    run = _run.get()
    if run is None:
        return
    places: dict[tuple[_Identity, str], str] = {}
    for target in targets:
        found = _place_of(target) if target else None
        if target is None or found is None:
            continue  # `replaced_file` says what is wrong with it
        place, identity = found
        if place in places:
            raise InputError(_two_outputs(target, places[place]))
        places[place] = target
        if identity is not None:
            run.expected[identity] = target


def check_ending(target: str, what: str, endings: Sequence[str], *, option: str = "") -> str:
    """Return the ending of an output file in small letters, or an empty string where its name has none.

    Args:
        target: the file.
        what: is to be written, for messages.
        endings: what such a file can end in, the usual one first.
        option: that names the file, if one does.

    Raises:
        InputError: it names no file, or ends in something else; with what it can end in, and a name that works.
    """
    if not target:
        raise InputError(f"no name given for the output file; {_use(f'out{endings[0]}', option)}")
    _check_file_name(target, option)
    name = PurePath(target).name.lower()
    if name in endings:
        usual = str(PurePath(target).with_name(f"out{name}"))
        raise InputError(f"{target}: is an ending without a name before it; {_use(usual, option)}")
    suffix = PurePath(target).suffix
    if not suffix[1:] or suffix[1:].isdigit() or suffix.lower() in endings:  # a version is no ending
        return suffix.lower() if suffix.lower() in endings else ""
    *others, last = endings
    named = f"{', '.join(others)} or {last}" if others else last
    stem = target.removesuffix(suffix)
    better = stem if PurePath(stem).suffix.lower() in endings else f"{stem}{endings[0]}"
    raise InputError(f"{target}: {what} cannot be written as {suffix}, only as {named}; {_use(better, option)}")


def _use(name: str, option: str) -> str:
    from shlex import quote

    return f"use {option} {quote(name)}" if option else f"name it {quote(name)}"


def _check_file_name(target: str, option: str = "") -> None:
    """Refuse what names no file: standard output, a device, a directory."""
    if target == _STREAM:
        redirect = f", or leave out {option} and redirect with >" if option == _OPTIONAL_OUTPUT else ""
        raise InputError(f"{target}: is a stream; name a file{redirect}")
    if os.path.basename(target) in ("", ".", ".."):  # noqa: PTH119  # as it was typed
        raise InputError(f"{target}: names a directory; name a file in it")
    try:
        mode = Path(target).stat().st_mode  # not of its real path: a pipe in /proc has none
    except (OSError, ValueError):
        return  # `replaced_file` says what is wrong with it
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(f"{target}: is a device or a pipe, which cannot be replaced by a file; name a regular file")


@contextmanager
def replaced_file(target: str) -> Iterator[Path]:
    """Give a temporary file beside the target, which takes the target's name when the block ends well.

    Enter this before the work, so that a path that cannot be written fails at once; whatever ends the block early
    leaves the target as it was and nothing beside it. A symbolic link stays, the file it leads to is replaced.

    Raises:
        InputError: the folder does not exist or cannot be written, the target is something else than a file, or it is
            read or written by the same command.
        GptcliError: the file could not be filled (`WriteError`), or not be put in its place.
    """
    if not target:
        raise InputError("no name given for the output file; name one")
    _check_file_name(target)
    path, mode = _looked_at(target, _mode_to_keep)
    with _claimed(target), _temporary_beside(path, target, _create_file, _unlink) as temporary:
        try:
            yield temporary
        except WriteError as error:
            raise GptcliError(f"{target}: cannot be written: {error}") from None
        _put_in_place(temporary, path, mode, target)


@contextmanager
def new_directory(target: str) -> Iterator[Path]:
    """Give a directory beside the target that takes its name when the block ends well, and is gone otherwise.

    Enter this before the work, as `replaced_file`.

    Raises:
        InputError: the target is there and is no empty directory, or its parent cannot be written.
        GptcliError: the directory could not be filled, or not be put in its place.
    """
    from shutil import rmtree  # which would cost every command some milliseconds

    if not target:
        raise InputError("no name given for the new directory; name one, e.g. my_gpt")
    if target == _STREAM:
        raise InputError(f"{target}: is a stream; name a new directory")
    remove = partial(rmtree, ignore_errors=True)
    path, mode = _looked_at(target, _mode_of_new_directory)
    with _claimed(target), _temporary_beside(path, target, _create_directory, remove) as temporary:
        try:
            yield temporary
        except (OSError, WriteError) as error:
            raise GptcliError(_cannot_be_written(target, error)) from None
        _put_in_place(temporary, path, mode, target)


def read_stdin(limit: int = -1) -> bytes:
    """Return standard input, or no more than so many bytes of it.

    Raises:
        InputError: it is closed or cannot be read, or is a file that the same command writes.
    """
    stream = open_stdin()
    try:
        return stream.read(limit)
    except OSError as error:
        raise InputError(f"<stdin>: cannot be read: {error.strerror or error}") from None


def open_stdin() -> BinaryIO:
    """Return the bytes of standard input.

    Raises:
        InputError: it is closed, or is a file that the same command writes.
    """
    if sys.stdin is None:
        raise InputError("<stdin>: is closed; pipe something in, or name a file instead of '-'")
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError):  # no file at all, as in a test
        return sys.stdin.buffer
    _note_input(descriptor, "<stdin>")
    return sys.stdin.buffer


def _note_input(descriptor: int, name: str) -> None:
    run = _run.get()
    if run is None:
        return
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return
    identity = status.st_dev, status.st_ino
    run.inputs[identity] = name
    if identity in run.expected:
        raise InputError(_output_is_input(run.expected[identity], name))


def _place_of(target: str) -> tuple[tuple[_Identity, str], _Identity | None] | None:
    """Return where a target lies, whatever it is called: its folder with its name there; and the file there, if any.

    None where there is no such folder.
    """
    try:
        path = Path(os.path.realpath(target))
        folder = path.parent.stat()
    except (OSError, ValueError):
        return None
    place = (folder.st_dev, folder.st_ino), path.name
    try:
        status = path.stat()
    except OSError:
        return place, None
    return place, (status.st_dev, status.st_ino)


@contextmanager
def _claimed(target: str) -> Iterator[None]:
    """Hold a target for one writer; refuse it where this command reads it, or writes it already."""
    run, found = _run.get(), _place_of(target)
    if run is None or found is None:
        yield
        return
    place, identity = found
    if identity is not None and identity in run.inputs:
        raise InputError(_output_is_input(target, run.inputs[identity]))
    if place[0] in run.folders:
        folder, changed_by = run.folders[place[0]]
        if changed_by(place[1]):
            raise InputError(_stranger(target, folder))
    if place in run.outputs:
        raise InputError(_two_outputs(target, run.outputs[place]))
    if identity is not None and identity in _standard_streams():
        raise InputError(f"{target}: what this command prints goes there already; name another file")
    run.outputs[place] = target
    if identity is not None:
        run.expected[identity] = target  # what is opened from now on is held against it too
    try:
        yield
    finally:
        del run.outputs[place]
        if identity is not None:
            run.expected.pop(identity, None)


def _standard_streams() -> set[_Identity]:
    found = set()
    for descriptor in (1, 2):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            found.add((status.st_dev, status.st_ino))
    return found


def _output_is_input(output: str, name: str) -> str:
    same = "" if output == name else f"is the same file as {name} and "
    return f"{output}: {same}is read by this command, which would replace it; name another file to write"


def _stranger(target: str, folder: str) -> str:
    return f"{target}: would make another checkpoint of {folder}, which this command reads; write it elsewhere"


def _two_outputs(target: str, other: str) -> str:
    same = "two outputs would go there" if target == other else f"is the same file as the other output, {other}"
    return f"{target}: {same}; name a file for each"


def _looked_at(target: str, mode_of: Callable[[Path, str], int]) -> tuple[Path, int]:
    """Return the target's real path and the permissions that it is to have; refuse one that cannot be written."""
    try:
        path = Path(os.path.realpath(target))
        return path, mode_of(path, target)
    except (OSError, ValueError) as error:
        raise InputError(_cannot_be_written(target, error)) from None


@contextmanager
def _temporary_beside(
    path: Path, target: str, create: Callable[[Path], object], remove: Callable[[Path], object]
) -> Iterator[Path]:
    """Give something new beside a path, and remove it at the end where it has not got another name by then."""
    # The name leaves out the target's: with it, a long name would be too long.
    temporary = path.parent / f".gptcli-{os.urandom(8).hex()}"
    with undone(lambda: remove(temporary)):
        try:
            create(temporary)
        except (OSError, ValueError) as error:
            raise InputError(_cannot_be_written(target, error)) from None
        yield temporary


def _create_file(temporary: Path) -> None:
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _create_directory(temporary: Path) -> None:
    temporary.mkdir(0o700)


def _unlink(temporary: Path) -> None:
    temporary.unlink(missing_ok=True)


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
    return stat.S_IMODE(mode)


def _mode_of_new_directory(path: Path, target: str) -> int:
    """Return the permissions of a new directory; refuse a target that is there, unless as an empty directory."""
    if Path(target).exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{target}: exists already; name a new directory")
    return 0o777 & ~_umask()


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

    if isinstance(error, FileNotFoundError):
        folder = _missing_folder(target)
        return f"; make its folder with: mkdir -p {quote(folder)}" if folder else ""
    return "; choose another folder" if isinstance(error, PermissionError) else ""


def _missing_folder(target: str) -> str:
    """Return the folder that is to be made for a target, as it was typed where no link leads elsewhere."""
    place = Path(target)
    while place.is_symlink():
        place = place.parent / place.readlink()
    folders = (place.parent, *place.parent.parents)
    if any(each.is_symlink() and not each.exists() for each in folders):  # which mkdir does not follow
        return os.path.realpath(place.parent)
    return "" if place.parent.exists() else str(place.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
