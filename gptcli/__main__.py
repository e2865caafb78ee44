"""Entry point of the console script and of ``python -m gptcli``."""

import gc
import os
import sys

# Importing makes a hundred thousand objects that live to the end; looking for garbage among them every 700 objects
# costs a tenth of the start-up.
_GC_THRESHOLD = 100_000


def main() -> None:
    """Run the command line; a signal while modules still load ends it as one later does."""
    gc.set_threshold(_GC_THRESHOLD)
    try:
        from gptcli.signals import end_on_signals

        end_on_signals()
        from gptcli.cli import run

        _leave(run())
    except KeyboardInterrupt:
        sys.exit(130)


def _leave(code: int) -> None:
    """End the process.

    Taking the interpreter apart takes a fifth of a short command's time, and with torch loaded a third of a second;
    nothing of ours waits for it: files are closed, output is flushed here.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        sys.exit(code)
    os._exit(code)


if __name__ == "__main__":
    main()
