"""The memory that a process takes beside its tensors."""

# Resident memory of a process that has imported torch 2.13 and has taken a training step of a small network; measured
# on Linux with Python 3.11.
PROCESS_BYTES = 320 * 2**20

# That, and what grows with a network: Python objects, buffers of the threads. Training steps of 8 to 2,048 tokens, of a
# network of 7M parameters and of GPT-2 124M, had 316 to 356 MiB more resident than their ledgers hold, with
# MALLOC_MMAP_THRESHOLD_=65536. Without it glibc moves that threshold up and leaves gaps, which no constant covers:
# GPT-2 124M at 2 x 256 tokens had 938 MiB more.
CPU_HEADROOM_BYTES = 512 * 2**20


def process_bytes(device: str) -> int | None:
    """Return what Python and torch take where the tensors lie, or None where nobody has measured it.

    On CUDA that is the card's context, which depends on the card, the driver and what was loaded.
    """
    return PROCESS_BYTES if device == "cpu" else None


def default_headroom(device: str) -> int:
    """Return the bytes of a budget that stay free where nobody says how many; none where nothing was measured."""
    return CPU_HEADROOM_BYTES if device == "cpu" else 0
