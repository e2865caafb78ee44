"""What torch.load does not look at when it maps a file: that the file holds the bytes which its pickle claims.

``torch.save`` writes a zip archive of stored entries: ``NAME/data.pkl``, which refers to storages by a key, a type and
a number of elements, and one entry ``NAME/data/KEY`` for each (torch/serialization.py, ``_save``). Mapped, a storage is
whatever lies from its entry's place on, be the entry shorter or its bytes changed. The older format has pickles one
after the other - a magic number, a version, the system, the content, the keys of the storages - and then for each
storage its number of elements and its bytes; a storage without a key stays what memory held.
"""

import os
import pickle
import zipfile
import zlib
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from msgspec import Struct

from gptcli.checkpoints.safetensors_file import BrokenFileError
from gptcli.checkpoints.stand_ins import Uses
from gptcli.config.printable import printable, shortened
from gptcli.files import open_input

_ITEM_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "IntStorage": 4,
    "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1, "ComplexDoubleStorage": 16,
    "ComplexFloatStorage": 8, "QUInt8Storage": 1, "QInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1, "UntypedStorage": 1,
}  # fmt: skip
_LOCAL_HEADER, _LOCAL_MAGIC = 30, b"PK\x03\x04"
_PORTION = 2**20
_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_COUNT_BYTES = 8  # before each storage in the older format
_WITHOUT_DATA = "meta"


class _Entry(Struct, frozen=True):
    """An entry of an archive: its name, where its header and its data begin, its size, its checksum."""

    name: str
    header: int
    start: int
    size: int
    crc: int

    @property
    def stop(self) -> int:
        return self.start + self.size


class _Claim(Struct, frozen=True):
    """What a pickle says of a storage."""

    key: str
    elements: int
    item_bytes: int

    @property
    def nbytes(self) -> int:
        return self.elements * self.item_bytes


class Followed(Struct, frozen=True):
    """What following the pickle of a file has shown.

    Attributes:
        problem: why it could not be followed to the end, so that not all of it was checked; empty where it was.
        uses: what it does with the functions and classes that it names.
    """

    problem: str
    uses: dict[str, Uses]


def check_archive(file: Path, place: str) -> Followed:
    """Check a zip archive of torch.save: its entries, their checksums, and what its pickle claims of them.

    Args:
        file: the archive.
        place: what to call it.

    Raises:
        BrokenFileError: something of it cannot be true.
        OSError: it cannot be read.
    """
    with open_input(file) as opened:
        entries = _entries(opened, file.stat().st_size, place)
        root = next(iter(entries)).partition("/")[0]
        pickled = entries.get(f"{root}/data.pkl")
        if pickled is None:
            raise BrokenFileError("not-a-checkpoint", place, "is a zip archive, but not one of torch.save: no data.pkl")
        _check_sums(opened, list(entries.values()), place)
        opened.seek(pickled.start)
        reader = _StorageReader(_Limited(opened, pickled.size))
        problem = _problem_of(reader.load)
    for claim in reader.claims:
        entry = entries.get(f"{root}/data/{claim.key}")
        if entry is None:
            message = f"truncated: storage {shortened(claim.key)} of its tensors is not in the archive"
            raise BrokenFileError("truncated", place, message)
        if entry.size != claim.nbytes:
            raise _wrong_size(claim, entry.size, place)
    return Followed(problem, reader.uses)


def check_older_file(file: Path, place: str) -> Followed:
    """Check a file of torch.save in its older format: every storage that a tensor needs must be there.

    Raises:
        BrokenFileError: one is not.
        OSError: it cannot be read.
    """
    with open_input(file) as opened:
        reader = _StorageReader(opened)
        keys: list[object] = []

        def follow() -> None:
            if reader.load() != _MAGIC_NUMBER:
                raise pickle.UnpicklingError("not one of torch.save")
            for _ in ("version", "system", "content"):
                reader.load()
            keys.extend(reader.load())

        problem = _problem_of(follow)
        if not problem:
            _check_storages(opened, {claim.key: claim for claim in reader.claims}, keys, place)
    return Followed(problem, reader.uses)


def _check_storages(opened: BinaryIO, claims: dict[str, _Claim], keys: list[object], place: str) -> None:
    """Walk over the storages that follow the pickles."""
    missing = claims.keys() - set(map(str, keys))
    if missing:
        message = f"truncated: storage {shortened(min(missing))} of its tensors is not in the file"
        raise BrokenFileError("truncated", place, message)
    size = os.fstat(opened.fileno()).st_size
    for key in map(str, keys):
        claim = claims.get(key)
        if claim is None:
            raise BrokenFileError("broken-pickle", place, f"is broken: storage {shortened(key)} belongs to no tensor")
        found = int.from_bytes(opened.read(_COUNT_BYTES), "little") * claim.item_bytes
        if found != claim.nbytes:
            raise _wrong_size(claim, found, place)
        if opened.seek(claim.nbytes, os.SEEK_CUR) > size:
            message = f"truncated: the file ends inside storage {shortened(key)}"
            raise BrokenFileError("truncated", place, message)


def _entries(opened: BinaryIO, size: int, place: str) -> dict[str, _Entry]:
    """Read the archive's directory; refuse entries that are compressed, named twice, beyond the end or overlapping."""
    try:
        with zipfile.ZipFile(opened) as archive:
            listed = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        message = "truncated: the directory at the end of the archive is missing"
        raise BrokenFileError("truncated", place, message) from None
    if not listed:
        raise BrokenFileError("not-a-checkpoint", place, "is a zip archive without entries, not one of torch.save")
    twice, amount = Counter(info.filename for info in listed).most_common(1)[0]
    if amount > 1:
        raise BrokenFileError("broken-pickle", place, f"is broken: {amount} entries are called {shortened(twice)}")
    entries = {info.filename: _entry(opened, info, size, place) for info in listed}
    end = 0
    for entry in sorted(entries.values(), key=lambda entry: (entry.header, entry.stop)):
        if entry.header < end:
            raise BrokenFileError("broken-pickle", place, f"is broken: entry {shortened(entry.name)} overlaps another")
        end = entry.stop
    return entries


def _entry(opened: BinaryIO, info: zipfile.ZipInfo, size: int, place: str) -> _Entry:
    name = shortened(info.filename)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        message = (
            f"entry {name} is compressed or encrypted, and torch.save writes plain ones; load and save it with torch"
        )
        raise BrokenFileError("broken-pickle", place, message)
    opened.seek(info.header_offset)
    header = opened.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER or not header.startswith(_LOCAL_MAGIC):
        raise BrokenFileError("broken-pickle", place, f"is broken: entry {name} is not where the directory says")
    names, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    entry = _Entry(info.filename, info.header_offset, info.header_offset + _LOCAL_HEADER + names + extra,
                   info.file_size, info.CRC)  # fmt: skip
    if entry.stop > size or info.compress_size != info.file_size:
        message = f"is broken: entry {name} claims {info.file_size:,} bytes, more than there are"
        raise BrokenFileError("broken-pickle", place, message)
    return entry


def _check_sums(opened: BinaryIO, entries: list[_Entry], place: str) -> None:
    """Compare every entry's bytes with its checksum; torch can be set to write none, and all are zero then."""
    if not any(entry.crc for entry in entries):
        return
    buffer = memoryview(bytearray(_PORTION))
    for entry in entries:
        opened.seek(entry.start)
        left, crc = entry.size, 0
        while left:
            read = opened.readinto(buffer[: min(left, _PORTION)])  # type: ignore[attr-defined]  # of a real file
            if not read:
                raise OSError(5, "file ends early", str(opened.name))
            crc = zlib.crc32(buffer[:read], crc)
            left -= read
        if crc != entry.crc:
            message = f"is damaged: the bytes of entry {shortened(entry.name)} do not have its checksum; fetch it again"
            raise BrokenFileError("damaged", place, message)


def _wrong_size(claim: _Claim, found: int, place: str) -> BrokenFileError:
    sizes = f"storage {shortened(claim.key)} has {found:,} bytes in the file, its tensors need {claim.nbytes:,}"
    if found < claim.nbytes:
        return BrokenFileError("truncated", place, f"truncated: {sizes}")
    return BrokenFileError("broken-pickle", place, f"is broken: {sizes}")


def _problem_of(follow: Callable[[], object]) -> str:
    """Follow a pickle; return what was wrong with it, or an empty string."""
    try:
        follow()
    except OSError:
        raise
    except Exception as error:  # whatever a broken pickle does to its reader
        return printable(str(error).partition("\n")[0]) or type(error).__name__
    return ""


class _Limited:
    """A part of a file, as a pickle reader wants it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data

    def readline(self) -> bytes:
        data = self._file.readline(self._left)
        self._left -= len(data)
        return data


class _NotedCalls(type):
    """Classes that note when they are called, as a pickle calls a function or a class."""

    uses: Uses

    def __call__(cls, *arguments: object, **named: object) -> Any:
        cls.uses.called = True
        return super().__call__(*arguments, **named)


class _Inert(metaclass=_NotedCalls):
    """Stands for whatever a pickle names: takes all that a pickle can do to it, notes it, and does nothing."""

    uses: ClassVar[Uses]

    def __new__(cls, *_: object, **named: object) -> "_Inert":
        if named:  # a pickle makes an object without a call, unless its arguments have names
            cls.uses.called = True
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __setitem__(self, key: object, value: object) -> None:
        self.uses.items = True

    def append(self, item: object) -> None:
        self.uses.appended = True

    def extend(self, items: object) -> None:
        self.uses.appended = True

    def add(self, item: object) -> None: ...


class _StorageReader(pickle._Unpickler):
    """Reads a pickle for the storages that it refers to and what it calls; nothing that it names is imported or called.

    The reader in Python, because the one in C sets aside memory for whatever number a pickle gives to a memo.
    """

    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding="utf-8")
        self.claims: list[_Claim] = []
        self.uses: dict[str, Uses] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return an inert object of that name."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        uses = self.uses.setdefault(_name_today(module, name), Uses())
        return _NotedCalls(name, (_Inert,), {"uses": uses})

    def load(self) -> Any:
        """Read the next pickle of the file: each counts what it memoises from the start."""
        self.memo: dict[int, object] = {}
        return super().load()

    def persistent_load(self, pid: Any) -> object:
        """Note a storage: ``("storage", type, key, location, number of elements, ...)``."""
        kind, type_, key, location, elements = pid[:5]
        if kind != "storage" or not isinstance(elements, int):
            raise pickle.UnpicklingError("a reference to something that is no storage")
        if location != _WITHOUT_DATA:
            self.claims.append(_Claim(str(key), elements, _ITEM_BYTES[type_.__name__]))
        return None


def _name_today(module: str, name: str) -> str:
    """Return what Python 3 calls what a pickle of the older protocols calls as Python 2 did: ``__builtin__.set``."""
    if (module, name) in NAME_MAPPING:
        return ".".join(NAME_MAPPING[module, name])
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"
