"""A terminal of a size of one's own, for what a pipe does not show."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from threading import Thread


def on_a_terminal(arguments: list[str], *, columns: int = 80, colour: bool = False) -> list[str]:
    """Run the command line in a process whose streams are a terminal; return the lines that it shows."""
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shown: list[bytes] = []
    reader = Thread(target=_read, args=(master, shown))
    reader.start()
    try:
        subprocess.run(
            [sys.executable, "-m", "gptcli", *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm"} | ({} if colour else {"NO_COLOR": "1"}),
            timeout=120,
            check=False,
        )
    finally:
        os.close(terminal)
        reader.join()
        os.close(master)
    return b"".join(shown).decode().replace("\r\n", "\n").splitlines()


def _read(master: int, shown: list[bytes]) -> None:
    try:
        while part := os.read(master, 65536):
            shown.append(part)
    except OSError:  # Linux says so that nobody writes any more
        pass
