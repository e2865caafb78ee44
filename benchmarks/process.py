"""Whole processes: how long they take, and how much memory at most."""

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from msgspec import Struct

ROOT = Path(__file__).parents[1]
GPTCLI = str(Path(sys.executable).with_name("gptcli"))


class Ran(Struct, frozen=True):
    """What a process took."""

    seconds: float
    peak_bytes: int


def run(command: list[str]) -> Ran:
    """Run a command from the repository's root, its output thrown away.

    Raises:
        RuntimeError: it ended with another code than 0.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRANSFORMERS_VERBOSITY": "error"}
    started = perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{told.decode(errors='replace')}")
    return Ran(seconds, usage.ru_maxrss * 1024)


def peer(name: str, *arguments: str) -> list[str]:
    """Return the command that runs one of ``benchmarks/peers``."""
    return [sys.executable, "-m", f"benchmarks.peers.{name}", *arguments]


def gptcli(*arguments: str) -> list[str]:
    """Return the command that runs the program."""
    return [GPTCLI, *arguments]
