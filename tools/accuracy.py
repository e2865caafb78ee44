"""Holds the memory estimate against measurements over a grid and prints docs/accuracy.md: ``make accuracy``.

Every cell is one forward pass or training step. The small models run on real tensors under torch's profiler and on fake
tensors under a tracker; GPT-2's published sizes run on fake tensors, which take no memory. A cell that is off is
listed, and the exit code is 1. Each family of decoders has a row in a table of its own (`tools.family_books`), which
``--only families`` measures and writes anew, leaving the rest of the page.
"""

import argparse
import itertools
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gptcli.analysis.passes import swept
from gptcli.analysis.workload import Workload
from gptcli.api.figures import measured_run
from gptcli.api.runs import on_this_processor
from gptcli.architecture import describe
from gptcli.config import ModelConfig, load_config
from tools import family_books, published

PAGE = Path(__file__).parents[1] / "docs" / "accuracy.md"

GRID: dict[str, list[Any]] = {
    "mode": ["inference", "training"],
    "batch": [1, 4],
    "tokens": [16, 64, 256],
    "dtype": ["fp32", "bf16", "amp"],
    "attention": ["sdpa", "explicit"],
    "recompute": ["none", "block"],
    "tied": [False, True],
    "drop_rate": [0.0, 0.1],
    "optimizer_impl": ["for-loop", "foreach"],
    "vocab_size": [512, 50257],
}
# Of the published sizes every pair of values is covered by some cell, not every combination.
WIDE: dict[str, list[Any]] = {
    "model": ["gpt2-124m", "gpt2-medium", "gpt2-xl"],
    "mode": ["inference", "training", "training"],
    "batch": [1, 4],
    "tokens": [16, 256, 1024],
    "dtype": ["fp32", "bf16", "amp"],
    "attention": ["sdpa", "explicit"],
    "recompute": ["none", "block"],
    "tied": [False, True],
    "drop_rate": [0.0, 0.1],
    "optimizer": ["adamw", "adam", "sgd", "sgd-momentum"],
    "optimizer_impl": ["for-loop", "foreach", "fused"],
}
Cell = dict[str, Any]


def cells_of_grid() -> Iterator[Cell]:
    """Yield every combination once; what makes no difference at inference is left at its first value."""
    for values in itertools.product(*GRID.values()):
        cell = dict(zip(GRID, values, strict=True))
        trained_only = ("recompute", "optimizer_impl")
        if cell["mode"] == "training" or all(cell[key] == GRID[key][0] for key in trained_only):
            yield {"model": "tiny", "optimizer": "adamw", **cell}


def covering_cells(choices: dict[str, list[Any]], seed: int = 0) -> list[Cell]:
    """Choose few cells so that every pair of values stands together in one (greedy, from random candidates)."""
    generator = random.Random(seed)  # noqa: S311  # which cells are drawn is no secret
    keys = list(choices)
    missing = {
        (a, x, b, y) for a, b in itertools.combinations(keys, 2) for x in set(choices[a]) for y in set(choices[b])
    }
    cells = []
    while missing:
        candidates = [{key: generator.choice(choices[key]) for key in keys} for _ in range(50)]
        a, x, b, y = min(missing, key=str)
        candidates.append({**candidates[0], a: x, b: y})
        best = max(candidates, key=lambda cell: len(missing & _pairs(cell)))
        missing -= _pairs(best)
        cells.append(best)
    return cells


def _pairs(cell: Cell) -> set[tuple[str, Any, str, Any]]:
    return {(a, cell[a], b, cell[b]) for a, b in itertools.combinations(cell, 2)}


def config_of(cell: Cell) -> ModelConfig:
    """Return the model of a cell."""
    changes = [f"{key}={cell[key]}" for key in ("vocab_size", "drop_rate") if key in cell]
    return load_config(cell["model"], set_values=changes, flags={"weight_tying": cell["tied"]}, environ={}).config


def options_of(cell: Cell) -> Workload:
    """Return what runs in a cell, on this processor."""
    keys = ("mode", "batch", "tokens", "attention", "recompute", "optimizer", "optimizer_impl")
    amp = cell["dtype"] == "amp"
    workload = Workload(dtype="fp32" if amp else cell["dtype"], amp=amp, **{key: cell[key] for key in keys})
    return on_this_processor(workload)


def errors_of(cell: Cell, *, fake: bool) -> tuple[int, int]:
    """Return estimate minus measurement, and the measurement, in bytes."""
    from gptcli.model.measure import forward_pass, training_step

    config, options = config_of(cell), options_of(cell)
    run = measured_run(options, fake=fake)
    measured = (
        training_step(describe(config), run).peak
        if options.mode == "training"
        else forward_pass(describe(config), run).peak
    )
    return swept(describe(config), options).peak - measured, measured


def run_cells(name: str, cells: list[Cell], *, fake: bool) -> tuple[str, list[str]]:
    """Measure cells and return a row of the table and a line for each that is off."""
    off = []
    worst = 0.0
    for number, cell in enumerate(cells, 1):
        if sys.stderr.isatty() or number % 100 == 0:
            print(f"{name}: {number} of {len(cells)}", file=sys.stderr)
        error, measured = errors_of(cell, fake=fake)
        worst = max(worst, abs(error) / measured)
        if error:
            off.append(f"- {cell}: {error:+,} of {measured:,} bytes ({error / measured:+.4%})")
    return f"| {name} | {_MEASURED[fake]} | {len(cells)} | {len(cells) - len(off)} | {worst:.4%} |", off


_MEASURED = {
    False: "real tensors, CPU | torch's profiler, kernels' scratch left out",
    True: "fake tensors | a tracker of storages",
}


def page(rows: list[str], off: list[str], by_family: list[str]) -> str:
    """Return docs/accuracy.md; ``by_family`` is its section of the families."""
    import torch

    sections = [
        "# Accuracy",
        "Printed by `make accuracy`, and by nothing else. Each cell is one forward pass or training step: the peak",
        "that `gptcli memory` estimates against a measured peak.",
        "",
        f"torch {torch.__version__.partition('+')[0]}, CPU.",
        "",
        "| model | tensors | instrument | cells | exact to the byte | largest error |",
        "|---|---|---|---|---|---|",
        *rows,
        "| all | real tensors, CUDA | the caching allocator's counter | not measured | not measured | not measured |",
        "",
        "The profiler records every allocation and disturbs nothing. What a kernel allocates and gives back before",
        "it returns is its scratch: it depends on the processor, and no estimate holds it. The tracker sees fake",
        "tensors too; `tests/model/test_profiled.py` holds it against the profiler.",
        "",
        "`tiny` is measured in every combination of:",
        "",
        *(f"- {key}: {', '.join(map(str, values))}" for key, values in GRID.items()),
        "",
        "The published sizes in cells that cover every pair of:",
        "",
        *(f"- {key}: {', '.join(map(str, dict.fromkeys(values)))}" for key, values in WIDE.items()),
        "",
        *by_family,
        "## Cells that are not exact",
        "",
        *(off or ["None."]),
        "",
        "## Peaks that others published",
        "",
        "None of these is an expected value of a test: other networks, other code, or the allocator's reserve instead",
        "of what is allocated. Ours are what these commands print:",
        "",
        "```sh",
        *published.commands(),
        "```",
        "",
        *published.rows(),
    ]
    return "\n".join(sections) + "\n"


def with_families(text: str, by_family: list[str]) -> str:
    """Return a page with its section of the families measured anew."""
    before, _, rest = text.partition(f"{family_books.TITLE}\n")
    after = rest[rest.index("\n## ") + 1 :]
    return before + "\n".join(by_family) + "\n" + after


def only_families(step: int) -> tuple[str, list[str]]:
    """Measure the families alone and return the page and what is off."""
    by_family, off = family_books.section(step)
    return with_families(PAGE.read_text(encoding="utf-8"), by_family), off


def everything(step: int) -> tuple[str, list[str]]:
    """Measure every ``step``-th cell and return the page and what is off."""
    small, wide = list(cells_of_grid())[::step], covering_cells(WIDE)[::step]
    results = [
        run_cells("tiny", small, fake=False),
        run_cells("tiny", small, fake=True),
        *(
            run_cells(name, [cell for cell in wide if cell["model"] == name], fake=True)
            for name in dict.fromkeys(WIDE["model"])
        ),
    ]
    by_family, families_off = family_books.section(step)
    off = [line for _, lines in results for line in lines] + [f"- a cell of {family}" for family in families_off]
    return page([row for row, _ in results], off, by_family), off


def main() -> int:
    """Measure, write the page and return 1 if a cell is off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every twentieth cell, printed and not written")
    parser.add_argument("--only", choices=["families"], help="the table by family alone; the rest of the page stays")
    chosen = parser.parse_args()
    step = 20 if chosen.quick else 1
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    text, off = (only_families if chosen.only else everything)(step)
    print(text)
    if step == 1:
        PAGE.write_text(text, encoding="utf-8")
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
