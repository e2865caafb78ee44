"""This tree beside an earlier revision: ``python -m benchmarks.revision REVISION [--runs N]``.

Three processes stay open: this tree's, the revision's, and the revision's once more. In each turn every one of them
runs a warm pass of 124M over 128 tokens, or one token with a cache. What counts is the median of the ratios turn by
turn; the revision against itself says how quiet the machine is.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

from benchmarks.process import ROOT

# Runs in either tree: earlier ones build from a config, later ones from a described network.
_WORKER = """
import sys
from time import perf_counter
import torch
from gptcli.config import load_config
from gptcli.model.forward import ForwardOptions, build
from gptcli.model.cache import KVCache
from gptcli.architecture import describe

config = load_config("gpt2-124m", environ={}).config
try:
    model = build(config, ForwardOptions())
except AttributeError:
    model = build(describe(config, "sdpa"), ForwardOptions())
ids = torch.arange(128)[None]


def timed(call):
    with torch.inference_mode():
        started = perf_counter()
        call()
        return perf_counter() - started


cache = KVCache(model.network, 1, 192, torch.float32, "cpu")
with torch.inference_mode():
    model(ids, cache)


def token():
    cache.truncate(128)
    model(ids[:, :1], cache)


calls = {"pass": lambda: model(ids), "token": token}
for line in sys.stdin:
    print(timed(calls[line.strip()]), flush=True)
"""
_CASES = ("pass", "token")
_WARM = 3


class Worker:
    """A process of one tree that runs a case whenever it is asked."""

    def __init__(self, tree: Path) -> None:
        environ = {**os.environ, "PYTHONPATH": str(tree)}
        command = [sys.executable, "-c", _WORKER]
        self._process = subprocess.Popen(
            command, cwd=tree, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def seconds(self, case: str) -> float:
        """Run a case once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{case}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def main() -> int:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision")
    parser.add_argument("--runs", type=int, default=30)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder) / "earlier"
        _git("worktree", "add", "-q", "--detach", str(earlier), chosen.revision)
        try:
            return _compared(ROOT, earlier, chosen.runs)
        finally:
            _git("worktree", "remove", "--force", str(earlier))


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True)  # noqa: S607  # whichever git the user has


def _compared(ours: Path, earlier: Path, runs: int) -> int:
    workers = [Worker(ours), Worker(earlier), Worker(earlier)]
    for case in _CASES:
        for worker in workers * _WARM:
            worker.seconds(case)
        turns = []
        for turn in range(runs):
            order = range(3) if turn % 2 == 0 else reversed(range(3))  # none is always the first
            seconds = {index: workers[index].seconds(case) for index in order}
            turns.append([seconds[index] for index in range(3)])
        print(_line(case, turns))
    for worker in workers:
        worker.close()
    return 0


def _line(case: str, turns: list[list[float]]) -> str:
    against = [ours / theirs for ours, theirs, _ in turns]
    itself = [again / theirs for _, theirs, again in turns]
    milliseconds = median(ours for ours, _, _ in turns) * 1000
    return (
        f"{case:6} {milliseconds:8.2f} ms  against the revision {_spread(against)}, it against itself {_spread(itself)}"
    )


def _spread(ratios: list[float]) -> str:
    low, *_, high = quantiles(ratios, n=10)
    return f"{median(ratios):.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    sys.exit(main())
