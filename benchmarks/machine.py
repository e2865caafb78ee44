"""What the figures were measured on: versions, processor, and its physical limits."""

import platform
import sys
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from time import perf_counter

_PACKAGES = ("torch", "transformers", "tiktoken", "typer", "rich", "torchinfo")
_SIDE = 2048
_COPIED = 2**28
_DRAWN = 2**24


def description() -> dict[str, str]:
    """Return processor, system and versions."""
    found = {"processor": f"{_processor()}, {cpu_count()} threads", "system": platform.platform()}
    return found | {"python": sys.version.split()[0]} | {name: version(name) for name in _PACKAGES}


def limits() -> dict[str, float]:
    """Measure the rates that nothing here can beat: products in FLOPs/s, memory in bytes/s, draws in numbers/s."""
    import torch

    a, b = torch.rand(_SIDE, _SIDE), torch.rand(_SIDE, _SIDE)
    source, target = (torch.zeros(_COPIED, dtype=torch.uint8) for _ in range(2))
    drawn = torch.empty(_DRAWN)
    return {
        "matrix products, FLOPs/s": 2 * _SIDE**3 / _best(lambda: torch.mm(a, b)),
        "memory, bytes/s copied": 2 * _COPIED / _best(lambda: target.copy_(source)),
        "random numbers/s, uniform": _DRAWN / _best(drawn.uniform_),
        "random numbers/s, normal": _DRAWN / _best(drawn.normal_),
    }


def _best(call: "object", runs: int = 5) -> float:
    assert callable(call)
    call()
    times = []
    for _ in range(runs):
        started = perf_counter()
        call()
        times.append(perf_counter() - started)
    return min(times)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    import json

    print(json.dumps(limits()))
