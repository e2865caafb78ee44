"""A function in a process of its own: only a whole result through the pipe counts."""

import faulthandler
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gptcli import child
from gptcli.child import ChildError, announce, started

# the parent is held up between its child's birth and the next line
_SLOW_FORK = "fork = os.fork; os.fork = lambda: (pid := fork()) and (time.sleep(0.5), pid)[1]"


def run(function: Callable[[], bytes], limit: float | None = 60) -> bytes:
    with started(function) as process:
        return process.result(limit)


def refused(function: Callable[[], bytes], limit: float | None = 60) -> ChildError:
    with pytest.raises(ChildError) as caught:
        run(function, limit)
    return caught.value


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_a_result_comes_whole(size: int) -> None:
    assert run(lambda: bytes(range(256)) * (size // 256) + b"x" * (size % 256)) == (
        bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    )


def test_nothing_of_the_child_is_left_in_the_parent() -> None:
    values = [1]

    def change() -> bytes:
        values.append(2)
        os.environ["GPTCLI_TEST"] = "1"
        return repr(values).encode()

    assert (run(change), values, "GPTCLI_TEST" in os.environ) == (b"[1, 2]", [1], False)


def _raise() -> bytes:
    raise KeyboardInterrupt


def _exit(code: int) -> bytes:
    announce("while it was loaded")
    os._exit(code)


def _kill(number: signal.Signals) -> bytes:
    child.announce("while it ran")
    faulthandler.disable()  # pytest's, which would print where it crashed
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)  # a shell's background jobs ignore SIGINT
    os.kill(os.getpid(), number)
    return b"went on"


def _write_into_the_pipe() -> bytes:
    """Write what is a result but for its seal."""
    assert child._pipe is not None
    os.write(child._pipe[0], b"\0" * 16 + b"R" + (2).to_bytes(8, "little") + b"ok" + b"\0" * 64)
    os._exit(0)


def _close_everything() -> bytes:
    os.closerange(3, 64)
    return b"ok"


@pytest.mark.parametrize("code", [0, 1, 7])
def test_silence_is_a_failure_whatever_the_exit_code(code: int) -> None:
    error = refused(lambda: _exit(code))
    assert (error.status, error.doing) == (code, "while it was loaded")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_ends_it_is_told(number: signal.Signals) -> None:
    error = refused(lambda: _kill(number))
    assert (error.status, error.doing) == (-number, "while it ran")


def test_closing_the_pipe_does_not_end_the_limit() -> None:
    def loop() -> bytes:
        os.closerange(3, 64)
        signal.setitimer(signal.ITIMER_REAL, 0)
        while True:
            time.sleep(1)

    assert refused(loop, limit=0.5).status is None


@pytest.mark.parametrize("function", [_raise, _write_into_the_pipe, _close_everything])
def test_what_is_no_result_of_ours_does_not_count(function: Callable[[], bytes]) -> None:
    assert refused(function).status == (0 if function is _write_into_the_pipe else 1)


def test_a_process_that_it_started_neither_holds_it_up_nor_outlives_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def leave_a_process() -> bytes:
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
        note.write_text(str(pid))
        os._exit(0)

    assert refused(leave_a_process, limit=None).status == 0
    _assert_gone(int(note.read_text()))


def test_the_time_is_limited(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def loop() -> bytes:
        announce("while it looped")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note.write_text(f"{os.getpid()} ")
        while True:
            pass

    with started(loop) as process:
        while not (note.exists() and note.read_text().endswith(" ")):
            time.sleep(0.01)
        with pytest.raises(ChildError) as caught:
            process.result(0.2)
    assert (caught.value.status, caught.value.doing) == (None, "while it looped")
    _assert_gone(int(note.read_text()))


def test_it_reads_nothing_from_the_keyboard() -> None:
    assert run(lambda: os.read(0, 10)) == b""


@pytest.mark.parametrize("slow", ["", _SLOW_FORK])
def test_it_ends_with_its_parent(tmp_path: Path, slow: str) -> None:
    note = tmp_path / "pid"
    code = f"""
import os, time
{slow}
from gptcli.signals import end_on_signals
from gptcli.child import started
end_on_signals()
def loop():
    open({str(note)!r}, "w").write(str(os.getpid()) + " ")
    while True: time.sleep(1)
with started(loop) as child:
    child.result()
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while not (note.exists() and note.read_text().endswith(" ")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    _assert_gone(int(note.read_text()))


def _assert_gone(pid: int) -> None:
    for _ in range(6000):
        state = Path(f"/proc/{pid}/stat")
        try:
            os.kill(pid, 0)
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
                return  # ended, and whoever inherited it has not looked yet
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still there")


def test_one_thing_that_it_announces_has_a_limit_of_its_own_and_a_place() -> None:
    def stall() -> bytes:
        announce("")
        time.sleep(0.5)  # nothing is announced: the limit is not for this
        announce("while it ran")
        time.sleep(60)
        return b""

    with started(stall) as process, pytest.raises(ChildError) as caught:
        process.result(60, at_once=0.2)
    error = caught.value
    assert (error.doing, error.status, error.limit) == ("while it ran", None, 0.2)
    file, line = error.stacks[-1][0]
    assert Path(file) == Path(__file__)
    assert "time.sleep(60)" in Path(__file__).read_text().splitlines()[line - 1]
