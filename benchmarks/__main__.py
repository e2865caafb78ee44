"""gptcli beside its peers: ``python -m benchmarks [--only NAME] [--quick]``.

Each pair runs alternately (A B A B ...) after a warm-up that is not counted; what counts is the median of the ratios
pair by pair. Without ``--only`` or ``--quick`` the figures are written to docs/benchmarks.md and docs/benchmarks.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import page
from benchmarks.machine import description
from benchmarks.pairs import Pair, pairs
from benchmarks.process import ROOT, run

_QUICK_RUNS = 3
_SMALL, _LARGE = 20 * 10**6, 200 * 10**6


def main() -> int:
    """Measure, print, write; exit 1 if a ratio is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", help="pairs whose name or peer holds this")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_RUNS} runs of each")
    chosen = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for pair in _chosen(Path(folder), chosen.only):
            results.append(measured(pair, _QUICK_RUNS if chosen.quick else pair.runs))
            print(page.line(results[-1]), flush=True)
    if not chosen.only and not chosen.quick:
        found = {"machine": description(), "limits": _limits(), "pairs": results}
        (ROOT / "docs" / "benchmarks.json").write_text(json.dumps(found, indent=1) + "\n")
        (ROOT / "docs" / "benchmarks.md").write_text(page.page(found))
    return 1 if any(result["ratio"] > (result["limit"] or float("inf")) for result in results) else 0


def measured(pair: Pair, runs: int) -> dict[str, Any]:
    """Return medians, ratio and spread of a pair."""
    if pair.theirs:
        ours, theirs = _processes(pair, runs)
    else:
        case, *arguments = pair.ours
        command = [sys.executable, "-m", "benchmarks.inside", case, str(runs), *arguments]
        told = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
        ours, theirs = told["ours"], told["theirs"]
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "name": pair.name,
        "against": pair.against,
        "measure": pair.measure,
        "ours": median(ours),
        "theirs": median(theirs),
        "ratio": median(ratios),
        "least": min(ratios),
        "most": max(ratios),
        "limit": pair.limit,
        "runs": runs,
    }


def _processes(pair: Pair, runs: int) -> tuple[list[float], list[float]]:
    """Run both commands in turns, after one of each that is not counted."""
    for command in (pair.ours, pair.theirs):
        run(list(command))
    found = [(run(list(pair.ours)), run(list(pair.theirs))) for _ in range(runs)]
    if pair.measure == "peak":
        return [float(a.peak_bytes) for a, _ in found], [float(b.peak_bytes + pair.extra_bytes) for _, b in found]
    return [a.seconds for a, _ in found], [b.seconds for _, b in found]


def _chosen(folder: Path, only: list[str] | None) -> list[Pair]:
    """Return the pairs that were asked for, and make what they need."""
    checkpoint, texts = folder / "gpt2", {"small": folder / "small.txt", "large": folder / "large.txt"}
    listed = [
        pair
        for pair in pairs(checkpoint, texts, _weights_bytes())
        if not only or any(word in f"{pair.name} against {pair.against}" for word in only)
    ]
    needed = {word for pair in listed for word in (*pair.ours, *pair.theirs)}
    if any(word.startswith(str(checkpoint)) for word in needed):
        subprocess.run([sys.executable, "-m", "benchmarks.make_checkpoint", str(checkpoint)], cwd=ROOT, check=True)
    for name, size in (("small", _SMALL), ("large", _LARGE)):
        if str(texts[name]) in needed:
            _write_text(texts[name], size)
    return listed


def _weights_bytes() -> int:
    from gptcli.analysis.params import count_parameters
    from gptcli.config import load_config

    return 4 * count_parameters(load_config(environ={}).config)


def _write_text(path: Path, size: int) -> None:
    """Write English of about a size: the project's own words, shuffled with a seed."""
    import random

    words = " ".join(file.read_text() for file in sorted((ROOT / "docs").glob("*.md"))).split(" ")
    draw = random.Random(0)
    with path.open("w", newline="") as file:
        while file.tell() < size:
            file.write(" ".join(draw.choices(words, k=20_000)))


def _limits() -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.machine"]
    found: dict[str, float] = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
