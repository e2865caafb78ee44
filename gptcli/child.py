"""A function run in a process of its own: other people's code can end, break or block that process and nothing else.

The result comes through a pipe, and only a result that is whole counts; a process that ends without one has failed,
whatever its exit code says.
"""

import faulthandler
import os
import re
import selectors
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from threading import RLock
from time import monotonic, sleep
from typing import Any, TextIO, cast

from gptcli.errors import GptcliError
from gptcli.signals import end_on_signals_no_more, held_back, undone

_DOING, _LINE, _RESULT = b"D", b"L", b"R"
_LENGTH_BYTES = 8
_HEAD_BYTES = len(_RESULT) + _LENGTH_BYTES
_SEAL_BYTES = 16  # what somebody writes into the pipe by accident has no seal
_PATIENCE = 0.05  # seconds between two looks whether the process is still there
_STACK_WITHIN = 1  # second in which a process says where it is
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in ')
_GRACE = 5  # seconds that a process whose parent was killed outlives the limit

_sending = RLock()  # threads of their code print while the result is sent
_pipe: tuple[int, bytes] | None = None  # in the child: where to write, and the seal


Stack = list[tuple[str, int]]


class ChildError(Exception):
    """The process gave no result.

    Attributes:
        doing: what it had announced last.
        status: its exit code, or minus the number of the signal that ended it; None where its time was up.
        limit: the limit that it did not keep, in seconds; None where it ended.
        stacks: where its threads then were: file and line of each call, the innermost first.
    """

    def __init__(
        self, doing: str, status: int | None, limit: float | None = None, stacks: Sequence[Stack] = ()
    ) -> None:
        super().__init__(doing, status)
        self.doing, self.status, self.limit, self.stacks = doing, status, limit, stacks


class Child:
    """A process that runs a function."""

    def __init__(self, pid: int, reader: int, stacks: int, seal: bytes) -> None:
        self._pid, self._reader, self._stacks, self._seal = pid, reader, stacks, seal
        self._since = monotonic()  # when it announced what it does
        self._status: int | None = None
        self._doing = ""
        self._line_open = False

    def result(self, limit: float | None = None, at_once: float | None = None) -> bytes:
        """Wait for the result of the function; end the line on stderr that it may have left open.

        Args:
            limit: seconds to wait, or None to wait for ever.
            at_once: seconds that one thing may take which it announces, or None.

        Raises:
            ChildError: the process ended without one, or its time was up.
        """
        try:
            return self._result(limit, at_once)
        finally:
            if self._line_open:
                sys.stderr.write("\n")
                sys.stderr.flush()

    def _result(self, limit: float | None, at_once: float | None) -> bytes:
        begun = monotonic()
        received = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._reader, selectors.EVENT_READ)
            closed = False
            while (passed := self._passed(begun, limit, at_once)) is None:
                ended = self._has_ended()  # before the look into the pipe: what it wrote last is there then
                if ended and closed:
                    raise ChildError(self._doing, self._status)
                if closed:  # the process may live on without its end of the pipe, as long as its time allows
                    sleep(_PATIENCE)
                    continue
                if not selector.select(0 if ended else _PATIENCE):
                    if ended:  # a process that it started may hold the pipe open
                        raise ChildError(self._doing, self._status)
                    continue
                data = os.read(self._reader, 2**20)
                closed = not data
                received, result = self._taken(received + data)
                if result is not None:
                    return result
        raise ChildError(self._doing, None, passed, self._where())

    def _passed(self, begun: float, limit: float | None, at_once: float | None) -> float | None:
        """Return the limit that is passed, or None."""
        now = monotonic()
        if limit is not None and now >= begun + limit:
            return limit
        return at_once if at_once is not None and self._doing and now >= self._since + at_once else None

    def _where(self) -> list[Stack]:
        """Ask the process where its threads are; nothing where it does not answer, as faulthandler would."""
        with suppress(OSError):
            os.kill(self._pid, signal.SIGUSR1)
        received = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._stacks, selectors.EVENT_READ)
            while selector.select(_STACK_WITHIN if not received else _PATIENCE):
                data = os.read(self._stacks, 2**16)
                received += data
                if not data:
                    break
        return _stacks_in(received.decode(errors="replace"))

    def end(self) -> None:
        """Kill the process and those that it started."""
        with suppress(OSError):
            os.killpg(self._pid, signal.SIGKILL)
        if self._status is None:  # else its number may be another process's by now
            with suppress(OSError):
                os.kill(self._pid, signal.SIGKILL)  # before it has become the leader of its group
        self._reap()

    def _taken(self, received: bytes) -> tuple[bytes, bytes | None]:
        """Take whole messages off what was received; return the rest, and the result if it is there."""
        while (begin := received.find(self._seal)) >= 0:  # what stands before a seal is not ours
            received = received[begin:]
            head, tail = received[len(self._seal) :][:_HEAD_BYTES], received[len(self._seal) + _HEAD_BYTES :]
            length = int.from_bytes(head[len(_RESULT) :], "little")
            if len(head) < _HEAD_BYTES or len(tail) < length:
                return received, None
            if head.startswith(_RESULT):
                return b"", tail[:length]
            if head.startswith(_LINE):
                self._line_open = bool(length)
            else:
                self._doing, self._since = tail[:length].decode(), monotonic()
            received = tail[length:]
        return received[-len(self._seal) :], None

    def _has_ended(self) -> bool:
        if self._status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status is not None

    def _reap(self) -> None:
        if self._status is None:
            with suppress(OSError):
                self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


class _Lines:
    """A text stream whose parent knows whether its last line is still open, however its process ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._open = False
        self._pid = os.getpid()  # a process that their code forks must not write between the parts of a result

    def write(self, text: str) -> int:
        """Write, and send what has become of the line."""
        written = self._stream.write(text)
        still_open = not text.endswith("\n") if text else self._open
        if still_open != self._open and os.getpid() == self._pid:
            self._open = still_open
            with suppress(OSError):
                _send(_LINE, b"1" if still_open else b"")
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        """Write one after the other."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def started(function: Callable[[], bytes], *, limit: float | None = None) -> Iterator[Child]:
    """Fork a process that runs the function; it is gone when the block ends.

    It shares stderr, has an empty standard input and gets no signal from the keyboard. Enter this before threads are
    started, which a fork would not copy.

    Args:
        function: what to run; what it raises must not leave it.
        limit: seconds after which the process ends by itself, should nobody be there to end it.

    Raises:
        GptcliError: the system cannot fork, or has no more processes.
    """
    if not hasattr(os, "fork"):
        raise GptcliError("this system cannot fork a process for other people's code; use Linux or macOS")
    seal = os.urandom(_SEAL_BYTES)
    reader, writer = os.pipe()
    stacks, told = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # or both processes would print what is left
    with ExitStack() as undoing:
        with held_back():  # a signal between the fork and `undone` would leave the process behind
            child = Child(_forked(function, (reader, stacks), (writer, told), seal, limit), reader, stacks, seal)
            undoing.enter_context(undone(child.end))
        for end in (writer, told):
            os.close(end)
        for end in (reader, stacks):
            undoing.callback(os.close, end)
        yield child


def _forked(
    function: Callable[[], bytes], readers: tuple[int, int], writers: tuple[int, int], seal: bytes, limit: float | None
) -> int:
    """Return the number of a new process, which runs the function."""
    try:
        pid = os.fork()
    except OSError as error:
        raise GptcliError(f"no process can be started: {error.strerror or error}") from None
    if pid == 0:
        _live(function, readers, writers, seal, limit)
    return pid


def announce(doing: str) -> None:
    """Report to the parent what comes next, for its message if the process then ends; outside a child do nothing."""
    if _pipe is not None:
        _send(_DOING, doing.encode(errors="replace"))


def _stacks_in(text: str) -> list[Stack]:
    """Read what faulthandler writes: a line for each thread, and one for each of its calls."""
    found: list[Stack] = []
    for line in text.splitlines():
        frame = _FRAME.match(line)
        if frame is None:
            found.append([])
        elif found:
            found[-1].append((frame[1], int(frame[2])))
    return [stack for stack in found if stack]


def _live(
    function: Callable[[], bytes], readers: tuple[int, int], writers: tuple[int, int], seal: bytes, limit: float | None
) -> None:
    """Be the child: run the function, send what it returns, and never come back."""
    global _pipe  # noqa: PLW0603  # of this process, which has one parent
    code = 1
    try:
        end_on_signals_no_more()
        os.setsid()
        if limit is not None:
            signal.setitimer(signal.ITIMER_REAL, limit + _GRACE)
        for reader in readers:
            os.close(reader)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        writer, told = writers
        faulthandler.register(signal.SIGUSR1, file=told, all_threads=True)  # in C: it answers whatever it is doing
        _pipe = writer, seal
        sys.stderr = cast("TextIO", _Lines(sys.stderr))
        _send(_RESULT, function())
        code = 0
    finally:
        with suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)  # whatever threads and exit handlers there are


def _send(kind: bytes, content: bytes) -> None:
    assert _pipe is not None
    writer, seal = _pipe
    message = memoryview(seal + kind + len(content).to_bytes(_LENGTH_BYTES, "little") + content)
    with _sending:
        while message:
            message = message[os.write(writer, message) :]
