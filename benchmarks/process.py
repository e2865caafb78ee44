"""Whole processes: how long they take, and how much memory at most."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from time import perf_counter

from msgspec import Struct

ROOT = Path(__file__).parents[1]
GPTCLI = str(Path(sys.executable).with_name("gptcli"))


class Ran(Struct, frozen=True):
    """What a process took."""

    seconds: float
    peak_bytes: int


def run(command: Sequence[str], *, terminal: bool = False) -> Ran:
    """Run a command from the repository's root, its output thrown away.

    Args:
        command: and its arguments.
        terminal: let stderr be a terminal, on which progress is shown.

    Raises:
        RuntimeError: it ended with another code than 0.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRANSFORMERS_VERBOSITY": "error", "TERM": "xterm-256color"}
    with tempfile.TemporaryFile() as told:
        master, stderr = os.openpty() if terminal else (None, told.fileno())
        started = perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)
        if master is not None:
            os.close(stderr)
            Thread(target=_drain, args=(master,), daemon=True).start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            words = told.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{words}")
    return Ran(seconds, usage.ru_maxrss * 1024)


def _drain(master: int) -> None:
    """Read a terminal until nobody writes to it any more."""
    try:
        while os.read(master, 65536):
            pass
    except OSError:  # how Linux tells the end
        pass
    os.close(master)


def peer(name: str, *arguments: str) -> list[str]:
    """Return the command that runs one of ``benchmarks/peers``."""
    return [sys.executable, "-m", f"benchmarks.peers.{name}", *arguments]


def gptcli(*arguments: str) -> list[str]:
    """Return the command that runs the program."""
    return [GPTCLI, *arguments]
