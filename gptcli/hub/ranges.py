"""Parts of large files of the Hub, read by HTTP ranges (RFC 9110, section 14) and never as a whole."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from gptcli.hub.client import TIMEOUT, check_reachable, client_utils
from gptcli.hub.failures import CODE_HEADER, HubError, answered, explained
from gptcli.hub.names import HubName
from gptcli.hub.place import file_address

_WHOLE, _PARTIAL, _NOT_SATISFIABLE = 200, 206, 416
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_EMPTY = re.compile(r"bytes \*/(\d+)")
_CHUNK = 2**16


class RemoteFile:
    """A file of a model, whose bytes are fetched when they are asked for."""

    def __init__(self, name: HubName, file: str) -> None:
        self.name, self.file = name, file

    def read(self, start: int, stop: int) -> tuple[bytes, int]:
        """Return the bytes from start to stop, fewer where the file ends sooner, and the size of the file.

        A server that knows no ranges sends the file from its beginning; no more than the first ``stop`` bytes of it are
        taken then.

        Raises:
            NoSuchFileError: the model has no such file.
            HubError: it cannot be had, or the answer is not what was asked for.
        """
        check_reachable()
        with (
            explained(self.name, self.file),
            _answer(file_address(self.name, self.file), start, stop) as (response, chunks),
        ):
            begin, size = self._bounds(response, start)
            wanted = min(stop, size)
            taken = _take(chunks, wanted - begin) if wanted > start else b""
            if len(taken) < wanted - begin and wanted > start:
                raise HubError(
                    f"the answer for {self.file} ended after {len(taken):,} of {wanted - begin:,} bytes", "try again"
                )
            return taken[start - begin :], size

    def _bounds(self, response: Any, start: int) -> tuple[int, int]:
        """Return where in the file an answer begins, and the size of the file."""
        status, headers = response.status_code, response.headers
        if headers.get("Content-Encoding", "identity") != "identity" and status in (_WHOLE, _PARTIAL):
            raise HubError(f"the answer for {self.file} is compressed, which was not asked for")
        if status == _PARTIAL and (found := _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))):
            begin, _, size = map(int, found.groups())
            if begin == start:
                return begin, size
        if status == _WHOLE and headers.get("Content-Length", "").isdecimal():
            return 0, int(headers["Content-Length"])
        if status == _NOT_SATISFIABLE and (found := _EMPTY.fullmatch(headers.get("Content-Range", ""))):
            return start, int(found.group(1))
        if status in (_WHOLE, _PARTIAL, _NOT_SATISFIABLE):
            raise HubError(f"the answer for {self.file} does not say which bytes it holds, or of how many")
        raise answered(self.name, self.file, status, headers.get(CODE_HEADER))


def _take(chunks: Iterable[bytes], amount: int) -> bytes:
    taken = bytearray()
    for chunk in chunks:
        taken += chunk
        if len(taken) >= amount:
            break
    return bytes(taken[:amount])


@contextmanager
def _answer(address: str, start: int, stop: int) -> Iterator[tuple[Any, Iterable[bytes]]]:
    """Give an answer whose body has not been read yet; what is left of it at the end is not fetched."""
    utils = client_utils()
    # Of compressed bytes nobody knows which of the file they are.
    headers = {**utils.build_hf_headers(), "Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
    session = utils.get_session()
    if callable(session.stream):  # httpx, from version 1.0 of the client on; of requests it is a setting
        with session.stream("GET", address, headers=headers, timeout=TIMEOUT) as response:
            yield response, response.iter_raw(_CHUNK)
    else:  # requests
        with session.get(address, headers=headers, timeout=TIMEOUT, stream=True) as response:
            yield response, response.iter_content(_CHUNK)
