"""gptcli beside its peers: ``python -m benchmarks [--only NAME] [--quick] [--write]``.

Each pair runs alternately (A B A B ...) after a warm-up that is not counted; what counts is the median of the ratios
pair by pair. Without ``--only`` or ``--quick`` the figures are written to docs/benchmarks.md and docs/benchmarks.json;
with ``--only NAME --write`` those rows take the place of theirs there, if they were measured on the same machine.
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
from benchmarks.pairs import TEXT_MEGABYTES, Pair, checkpoint, pairs, text_file
from benchmarks.process import ROOT, Ran, run
from gptcli.architecture import describe

_QUICK_RUNS = 3
_FIGURES = ROOT / "docs" / "benchmarks.json"


def main() -> int:
    """Measure, print, write; exit 1 if a ratio is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", help="pairs whose name or peer holds this")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_RUNS} runs of each at most")
    parser.add_argument("--write", action="store_true", help="with --only: they take the place of theirs in docs/")
    chosen = parser.parse_args()
    found = _json_of("benchmarks.machine")
    print(page.machine_lines(description(), found), flush=True)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for pair in _chosen(Path(folder), chosen.only, cuda=found["card"] is not None):
            results.append(measured(pair, min(pair.runs, _QUICK_RUNS) if chosen.quick else pair.runs))
            print(page.line(results[-1]), flush=True)
    if not results:
        print(f"error: no pair holds {' or '.join(map(repr, chosen.only))}", file=sys.stderr)
        return 2
    whole = not chosen.only and not chosen.quick
    if whole or chosen.write:
        told = {"machine": description(), **found, "pairs": results}
        told = told if whole else _with_rows(json.loads(_FIGURES.read_text()), told)
        _FIGURES.write_text(json.dumps(told, indent=1) + "\n")
        (ROOT / "docs" / "benchmarks.md").write_text(page.page(told))
    return 1 if any(page.is_over(result) for result in results) else 0


def _with_rows(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return what is known with new rows in the place of theirs, and those that nobody had behind the last.

    Raises:
        SystemExit: the rows that are known are of another machine.
    """
    if known["machine"] != new["machine"]:
        raise SystemExit("error: docs/benchmarks.json is of another machine or of other versions; run all")
    rows = {(row["name"], row["against"]): row for row in known["pairs"]}
    rows |= {(row["name"], row["against"]): row for row in new["pairs"]}
    return {**known, "pairs": list(rows.values())}


def measured(pair: Pair, runs: int) -> dict[str, Any]:
    """Return medians, ratio and spread of a pair, and of processes the peaks, of passes the first."""
    if pair.theirs:
        ran = _processes(pair, runs)
        our_peaks, their_peaks = [float(a.peak_bytes) for a, _ in ran], [float(b.peak_bytes) for _, b in ran]
        more = {"our_peak_bytes": median(our_peaks), "their_peak_bytes": median(their_peaks)}
        if pair.measure == "peak":
            ours, theirs = our_peaks, [each + pair.extra_bytes for each in their_peaks]
        else:
            ours, theirs = [a.seconds for a, _ in ran], [b.seconds for _, b in ran]
    else:
        case, *arguments = pair.ours
        told = _json_of("benchmarks.inside", case, str(runs), *arguments)
        ours, theirs, more = told["ours"], told["theirs"], {"our_first": told["first"]}
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "name": pair.name,
        "against": pair.against,
        "measure": pair.measure,
        "option": pair.option,
        "ours": median(ours),
        "theirs": median(theirs),
        "ratio": median(ratios),
        "least": min(ratios),
        "most": max(ratios),
        "limit": pair.limit,
        "runs": runs,
        **more,
    }


def _processes(pair: Pair, runs: int) -> list[tuple[Ran, Ran]]:
    """Run both commands in turns, after one of each that is not counted."""

    def both() -> tuple[Ran, Ran]:
        return run(pair.ours, terminal=pair.terminal), run(pair.theirs)

    if pair.warm:
        both()
    return [both() for _ in range(runs)]


def _chosen(folder: Path, only: list[str] | None, *, cuda: bool) -> list[Pair]:
    """Return the pairs that were asked for, and make the files that they need."""
    listed = [
        pair
        for pair in pairs(folder, _weights_bytes(), cuda=cuda)
        if not only or any(word in f"{pair.name} against {pair.against}" for word in only)
    ]
    needed = " ".join(word for pair in listed for word in (*pair.ours, *pair.theirs))
    if str(checkpoint(folder)) in needed:
        command = [sys.executable, "-m", "benchmarks.make_checkpoint", str(checkpoint(folder))]
        subprocess.run(command, cwd=ROOT, check=True)
    for size in TEXT_MEGABYTES:
        if str(text_file(folder, size)) in needed:
            _write_text(text_file(folder, size), size * 10**6)
    return listed


def _weights_bytes() -> int:
    from gptcli.analysis.params import count_parameters
    from gptcli.config import load_config

    return 4 * count_parameters(describe(load_config(environ={}).config))


def _write_text(path: Path, size: int) -> None:
    """Write English of about a size: the project's own words, shuffled with a seed."""
    import random

    documents = sorted(file for file in (ROOT / "docs").glob("*.md") if file.name != "benchmarks.md")
    words = " ".join(file.read_text() for file in documents).split(" ")
    draw = random.Random(0)
    with path.open("w", newline="") as file:
        while file.tell() < size:
            file.write(" ".join(draw.choices(words, k=20_000)))


def _json_of(module: str, *arguments: str) -> Any:
    """Run one of the benchmarks' own modules and return what it prints; what it says on stderr is shown."""
    command = [sys.executable, "-m", module, *arguments]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


if __name__ == "__main__":
    sys.exit(main())
