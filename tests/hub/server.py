"""A Hub of one's own on this machine: files of models, with the headers that the real one sends, and its faults."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from threading import Thread
from typing import NamedTuple
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_RESOLVE = re.compile(r"/([^/]+(?:/[^/]+)?)/resolve/([^/]+)/(.+)")


class Asked(NamedTuple):
    """A request that came in."""

    method: str
    file: str
    revision: str
    range: str | None
    authorization: str | None


class Hub:
    """What it serves, what it was asked for, and how many bytes of bodies it has sent.

    Attributes:
        files: bytes by ``owner/name`` and file, of every revision in `revisions`.
        faults: what answers in place of the file, by its name; ``*`` stands for all.
    """

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.files: dict[tuple[str, str], bytes] = {}
        self.revisions = {"main": COMMIT, COMMIT: COMMIT}
        self.faults: dict[str, Callable[[Handler], bool | None]] = {}
        self.asked: list[Asked] = []
        self.sent = 0

    def put(self, model: str, **files: bytes) -> None:
        """Serve files of a model; a point in a file's name is written as two underscores."""
        self.files |= {(model, name.replace("__", ".")): content for name, content in files.items()}

    def names(self, method: str) -> list[str]:
        """Return the files that were asked for, in order."""
        return [each.file for each in self.asked if each.method == method]


class Handler(BaseHTTPRequestHandler):
    """Answers as the Hub does."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        found = _RESOLVE.fullmatch(unquote(self.path) if "%2F" not in self.path else self.path)
        model, revision, file = (unquote(part) for part in found.groups()) if found else ("", "", self.path)
        authorization = self.headers.get("Authorization")
        self.hub.asked.append(Asked(self.command, file, revision, self.headers.get("Range"), authorization))
        fault = self.hub.faults.get(file) or self.hub.faults.get("*")
        if fault is not None and fault(self) is not True:
            return
        content = self.hub.files.get((model, file))
        if model not in {name for name, _ in self.hub.files}:
            self.refuse(401, "RepoNotFound")
        elif revision not in self.hub.revisions:
            self.refuse(404, "RevisionNotFound")
        elif content is None:
            self.refuse(404, "EntryNotFound")
        else:
            self.serve(content, self.hub.revisions[revision])

    def refuse(self, status: int, code: str | None = None, **headers: str) -> None:
        """Answer with a status alone."""
        self.head(status, 0, **({"X-Error-Code": code} if code else {}), **headers)

    def hang_up(self) -> None:
        """End the connection without an answer."""
        self.connection.shutdown(SHUT_RDWR)
        self.close_connection = True

    def head(self, status: int, length: int | None, **headers: str) -> None:
        """Send the status and the headers; underscores stand for the hyphens of a name."""
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def serve(self, content: bytes, commit: str = COMMIT, *, ranges: bool = True) -> None:
        """Answer with a file, or the range of it that was asked for."""
        headers = {"X-Repo-Commit": commit, "ETag": f'"{hash(content) & (2**64 - 1):040x}"'}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if ranges else None
        if wanted is None:
            self.head(200, len(content), **headers)
            self.body(content)
            return
        start, stop = int(wanted[1]), min(int(wanted[2]) + 1, len(content))
        if start >= len(content):
            self.head(416, 0, Content_Range=f"bytes */{len(content)}")
            return
        self.head(206, stop - start, Content_Range=f"bytes {start}-{stop - 1}/{len(content)}", **headers)
        self.body(content[start:stop])

    def body(self, content: bytes) -> None:
        """Send bytes until nobody takes them any more."""
        if self.command == "HEAD":
            return
        for start in range(0, len(content), 2**16):
            self.hub.sent += len(content[start : start + 2**16])
            try:
                self.wfile.write(content[start : start + 2**16])
            except OSError:
                self.close_connection = True
                return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of connections that the other side has ended."""


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run a Hub until the block ends."""
    handler = type("HubHandler", (Handler,), {})
    with _Server(("127.0.0.1", 0), handler) as server:
        hub = handler.hub = Hub(server.server_port)  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield hub
        finally:
            server.shutdown()
