"""Start-up time of the torch-free commands against a bare Typer-and-Rich program: ``python -m benchmarks.startup``.

Each pair runs alternately (A B A B ...) after a warm-up; what counts is the median of the ratios pair by pair.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

HELLO = [sys.executable, str(Path(__file__).with_name("hello.py"))]
GPTCLI = [str(Path(sys.executable).with_name("gptcli"))]
PAIRS = [
    ("params", [*GPTCLI, "params"], HELLO, 1.5),
    ("memory", [*GPTCLI, "memory"], HELLO, 1.5),
    ("flops", [*GPTCLI, "flops"], HELLO, 1.5),
    ("flow", [*GPTCLI, "flow"], HELLO, 1.5),
    ("fit", [*GPTCLI, "fit", "--budget", "24GiB"], HELLO, 1.5),
    ("compare", [*GPTCLI, "compare", "gpt2-124m", "gpt2"], HELLO, 1.5),
    ("--help", [*GPTCLI, "--help"], [*HELLO, "--help"], 1.5),
    (
        "params, 512 layers of gpt3-175b against 124M",
        [*GPTCLI, "params", "-c", "gpt3-175b", "--set", "n_layers=512"],
        [*GPTCLI, "params"],
        1.1,
    ),
    (
        "memory of ten trillion parameters against 124M",
        [*GPTCLI, "memory", "-c", "gpt3-175b", "--set", "n_layers=5600", "--mode", "training"],
        [*GPTCLI, "memory", "--mode", "training"],
        1.1,
    ),
]


def seconds(command: list[str]) -> float:
    """Run a command and return its wall-clock time."""
    started = perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - started


def ratios(ours: list[str], theirs: list[str], runs: int) -> list[float]:
    """Return the ratios of alternating runs, after one of each that is not counted."""
    for command in (ours, theirs):
        seconds(command)
    return [seconds(ours) / seconds(theirs) for _ in range(runs)]


def peak_mib(command: list[str]) -> float:
    """Return the peak resident memory of a command in MiB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_maxrss / 1024


def main() -> int:
    """Print a line a pair; exit 1 if a ratio is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    failed = False
    for name, ours, theirs, limit in PAIRS:
        found = ratios(ours, theirs, runs)
        failed |= median(found) > limit
        print(f"{name:<48} {median(found):.2f}  ({min(found):.2f} to {max(found):.2f}, at most {limit})")
    print(f"{'peak memory of that params run':<48} {peak_mib(PAIRS[-2][1]):.1f} MiB (at most 60)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
