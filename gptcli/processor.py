"""What the processor of this machine has instructions for, asked of the system without loading torch."""

import platform
from functools import cache
from pathlib import Path

# The names by which Linux lists the instructions that multiply numbers of 16 bits (torch.cpu uses the same).
_INSTRUCTIONS = {"bf16": ("avx512_bf16", "amx_bf16"), "fp16": ("avx512_fp16", "amx_fp16")}
_CPUINFO = Path("/proc/cpuinfo")


def lacks_instructions(dtype: str) -> bool:
    """Return whether this processor is known to have no instructions for products of 16-bit numbers of a kind.

    Args:
        dtype: only ``bf16`` and ``fp16`` can lack them: every processor multiplies fp32, and types of fewer bits are
            widened anyway.
    """
    if dtype not in _INSTRUCTIONS or platform.machine() != "x86_64":
        return False
    flags = _listed("flags")
    return bool(flags) and flags.isdisjoint(_INSTRUCTIONS[dtype])


def is_not_intel() -> bool:
    """Return whether this processor is known to be of another maker than Intel."""
    makers = _listed("vendor_id")
    return bool(makers) and "GenuineIntel" not in makers


@cache
def _listed(key: str) -> frozenset[str]:
    """Return the words that the system lists for the first processor; none where it does not."""
    try:
        with _CPUINFO.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith(key):
                    return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()
