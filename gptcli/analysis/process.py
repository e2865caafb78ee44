"""What a process takes besides its tensors."""

# Resident memory of a process that has imported torch 2.13 and has taken a training step of a network of no size:
# measured on Linux with Python 3.11, rounded up.
PROCESS_BYTES = 320 * 2**20


def process_bytes(device: str) -> int | None:
    """Return what Python and torch take where the tensors lie, or None where nobody has measured it.

    On CUDA that is the card's context, which depends on the card, the driver and what was loaded.
    """
    return PROCESS_BYTES if device == "cpu" else None


def default_headroom(device: str) -> int:
    """Return the bytes of a budget that stay free where nobody says how many: what is known of the process."""
    return process_bytes(device) or 0
