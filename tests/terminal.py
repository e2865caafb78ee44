"""A terminal of a size of one's own, for what a pipe does not show."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from threading import Thread


def on_a_terminal(
    *arguments: str,
    columns: int = 80,
    environment: dict[str, str] | None = None,
    stderr: int | None = None,
    cwd: Path | None = None,
    code: int = 0,
) -> str:
    """Run the command line in a process whose streams are a terminal; return what is sent there.

    Args:
        environment: beside the test's own; a plain terminal with colours otherwise.
        stderr: where errors and notes go; the terminal, if nothing else is said.
        code: the exit code that it must have.
    """
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shown: list[bytes] = []
    reader = Thread(target=_read, args=(master, shown))
    reader.start()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gptcli", *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal if stderr is None else stderr,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
            cwd=cwd,
            timeout=120,
            check=False,
        )
    finally:
        os.close(terminal)
        reader.join()
        os.close(master)
    screen = b"".join(shown).decode().replace("\r\n", "\n")
    assert done.returncode == code, screen
    return screen


def _read(master: int, shown: list[bytes]) -> None:
    try:
        while part := os.read(master, 65536):
            shown.append(part)
    except OSError:  # Linux says so that nobody writes any more
        pass
