"""What the figures were measured on: versions, processor, card, and their physical limits."""

import json
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from time import perf_counter
from typing import Any

from gptcli.architecture import describe

_PACKAGES = ("torch", "transformers", "tiktoken", "typer", "rich", "torchinfo")
_SIDE = 2048
GEMM_FLOPS = 2 * _SIDE**3
_COPIED = 2**28
_RUNS = 5


def description() -> dict[str, str]:
    """Return processor, system and versions."""
    found = {"processor": f"{_processor()}, {cpu_count()} threads", "system": platform.platform()}
    return found | {"python": sys.version.split()[0]} | {name: version(name) for name in _PACKAGES}


def gemm(device: str) -> Callable[[], object]:
    """Return a product of two large square matrices in fp32."""
    import torch

    a, b = (torch.rand(_SIDE, _SIDE, device=device) for _ in range(2))
    return lambda: torch.mm(a, b)


def found() -> dict[str, Any]:
    """Measure what nothing here can beat, and name the card."""
    import torch

    card = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    source, target = (torch.zeros(_COPIED, dtype=torch.uint8) for _ in range(2))
    numbers = torch.zeros(_COPIED // 4)
    draws = _draws()
    memory = numbers.numel() * 4 / _best(numbers.sum)
    limits = {
        "matrix products of 2048 x 2048": f"{GEMM_FLOPS / _best(gemm('cpu')) / 1e9:,.0f} GFLOPs/s",
        "memory, read": f"{memory / 1e9:,.1f} GB/s",
        "memory, copied (read and written)": f"{2 * _COPIED / _best(lambda: target.copy_(source)) / 1e9:,.1f} GB/s",
        "the random numbers of GPT-2 124M, memory at hand": f"{_best(draws):.2f} s",
    }
    return {"card": card, "limits": limits}


def _draws() -> Callable[[], object]:
    """Return what draws as many numbers as 124M has, of the same kinds, into memory that is there already."""
    import torch

    from gptcli.analysis.params import params_report
    from gptcli.config import load_config

    weights = [
        w
        for w in params_report(describe(load_config(environ={}).config), list_weights=True).weights or ()
        if ".ln_" not in w.path
    ]
    largest = torch.zeros(max(w.count for w in weights))

    def draw() -> None:
        for weight in weights:
            part = largest[: weight.count]
            _ = part.normal_() if weight.path.startswith(("wte", "wpe")) else part.uniform_(-0.03, 0.03)

    return draw


def _best(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(_RUNS):
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
    print(json.dumps(found()))
