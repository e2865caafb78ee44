"""A checkpoint at the Hugging Face Hub, of which the headers are read and the weights never: names, dtypes, shapes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from gptcli.checkpoints.locate import MAX_JSON, SHARDED, WHOLE, Located, held, read_json, shards_of
from gptcli.checkpoints.opening import opened_headers
from gptcli.checkpoints.safetensors_file import LENGTH_BYTES, BrokenFileError, Header, header_length, parse_header
from gptcli.checkpoints.stored import Opened, StoredTensor
from gptcli.config.names import HUB_FILE
from gptcli.config.printable import printable
from gptcli.errors import GptcliError
from gptcli.hub import HubName
from gptcli.hub.client import download_command, fetch_file
from gptcli.hub.failures import HubError, NoSuchFileError
from gptcli.hub.ranges import RemoteFile
from gptcli.reports.finding import Finding

if TYPE_CHECKING:
    import numpy as np

_SAFETENSORS, _INDEX = WHOLE[0], SHARDED[0]
_AT_ONCE = 8  # files that are asked for at the same time


class RemoteSource:
    """The tensors of files that are not here."""

    def __init__(self, tensors: dict[str, StoredTensor]) -> None:
        self.tensors = tensors

    def portions(self, tensor: StoredTensor, start: int, stop: int) -> "Iterator[np.ndarray[Any, Any]]":
        """Refuse: headers hold no numbers.

        Raises:
            GptcliError: always.
        """
        raise GptcliError(f"{printable(str(tensor.file))}: only its header was read, its numbers are not here")


class _Shard(Struct, frozen=True):
    file: str
    header: Header | None  # None where the Hub has no such file
    size: int


def open_remote(name: HubName) -> Opened:
    """Read settings and headers of a checkpoint at the Hub, all of one revision where its config says which.

    Raises:
        BrokenFileError: a header or the index cannot be read.
        HubError: something cannot be had.
    """
    config = _fetched_if_there(name, HUB_FILE)
    # The directory of a snapshot is called as its commit: main may move while the headers are read.
    fixed = name if config is None else replace(name, revision=config.parent.name)
    located, shards = _headers(fixed, name)
    missing = [_missing(located, shard, name) for shard in shards if shard.header is None]
    found = [(_path(name, shard.file), shard.header) for shard in shards if shard.header is not None]
    if not found:
        raise BrokenFileError("missing-shard", str(name), f"none of its {len(shards)} shards is there")
    located = replace(located, files=[path for path, _ in found], config=config, findings=missing)
    opened = opened_headers(Path(str(name)), located, found, sum(shard.size for shard in shards), RemoteSource)
    place = "" if config is None else printable(str(_path(name, HUB_FILE)))
    return replace(opened, name=name.model, settings_place=place, headers_only=True)


def _headers(fixed: HubName, name: HubName) -> tuple[Located, list[_Shard]]:
    """Return where the tensors lie, as far as an index says, and the headers of all files.

    One file comes before shards, as in a directory.
    """
    whole = _header(fixed, name, _SAFETENSORS)
    if whole.header is not None:
        return Located(kind="safetensors", files=[]), [whole]
    index = _fetched_if_there(fixed, _INDEX)
    if index is None:
        raise _no_safetensors(name)
    names = shards_of(read_json(index), str(_path(name, _INDEX)))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        shards = list(pool.map(lambda file: _header(fixed, name, file), sorted(set(names.values()))))
    return Located(kind="safetensors", files=[], names=names), shards


def _no_safetensors(name: HubName) -> HubError:
    reason = f"the Hub has no {_SAFETENSORS} and no {_INDEX} for {name}, and no other headers are read there"
    return HubError(reason, f"'{download_command(name)}' fetches the files it has", by_hand=False, is_input=True)


def _fetched_if_there(name: HubName, file: str) -> Path | None:
    try:
        return fetch_file(name, file, MAX_JSON)
    except NoSuchFileError:
        return None


def _header(fixed: HubName, name: HubName, file: str) -> _Shard:
    """Read the header of a file: the bytes that say how long it is, then as many.

    Raises:
        BrokenFileError: it cannot be a header.
        HubError: it cannot be had.
    """
    path, remote = _path(name, file), RemoteFile(fixed, file)
    try:
        first, size = remote.read(0, LENGTH_BYTES)
    except NoSuchFileError:
        return _Shard(file, None, 0)
    length = header_length(first, size, str(path))
    raw, size_now = remote.read(LENGTH_BYTES, LENGTH_BYTES + length) if length else (b"", size)
    if size_now != size:
        raise HubError(f"{file} of {name} changed while it was read", "try again")
    return _Shard(file, parse_header(raw, path, size), size)


def _path(name: HubName, file: str) -> Path:
    """Return what a file of the Hub is called in reports; nothing lies there."""
    return Path(str(name)) / file


def _missing(located: Located, shard: _Shard, name: HubName) -> Finding:
    message = f"shard is missing; {held(located.names, shard.file)} are in it"
    return Finding("error", "missing-shard", printable(str(_path(name, shard.file))), message)
