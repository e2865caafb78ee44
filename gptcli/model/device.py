"""Devices: which one runs, and how much memory is free on it. Only the CUDA part imports torch."""

from pathlib import Path

from gptcli.architecture.devices import device_named
from gptcli.errors import GptcliError

_CUDA_DRIVER_FILES = ("/dev/nvidiactl", "/dev/dxg")  # Linux, and Linux on Windows
_CGROUP_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


def resolve_device(name: str) -> str:
    """Return ``cpu`` or ``cuda`` for a name that `device_named` knows; ``auto`` takes CUDA where there is a card.

    Raises:
        InputError: no device of that name.
        GptcliError: CUDA is asked for and not available.
    """
    name = device_named(name)
    if name == "cpu" or not (name == "cuda" or may_have_cuda()):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        built = f"torch {torch.__version__} " + ("finds no card" if torch.version.cuda else "is built without CUDA")
        raise GptcliError(f"--device cuda: no CUDA device here ({built}); use --device cpu or auto")
    return "cpu"


def may_have_cuda() -> bool:
    """Return whether a driver is present, without the seconds that importing torch takes."""
    return any(Path(file).exists() for file in _CUDA_DRIVER_FILES) or not Path("/dev").is_dir()


def free_bytes(device: str) -> int:
    """Return the memory that a new allocation could get: of the card, or of this machine and its container."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    import psutil

    return min(int(psutil.virtual_memory().available), *_container_bytes())


def _container_bytes() -> list[int]:
    """Return what the container's limit leaves, as an upper bound; huge where there is none."""
    left = [2**62]
    for limit_file, used_file in _CGROUP_LIMITS:
        try:
            left.append(int(limit_file.read_text()) - int(used_file.read_text()))
        except (OSError, ValueError):
            continue  # no such control group, or "max"
    return [max(bytes_, 0) for bytes_ in left]
