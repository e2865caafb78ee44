"""``make accuracy``: what is off is listed and makes the exit code; published peaks stand beside ours."""

import sys
from typing import Any

import pytest

from gptcli.analysis import passes
from tests.conftest import Cli
from tools import accuracy, family_books, published
from tools.models import families


@pytest.fixture
def _one_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["accuracy", "--quick"])
    monkeypatch.setattr(accuracy, "covering_cells", lambda _choices: [])
    monkeypatch.setattr(family_books, "families", dict)
    monkeypatch.setattr(accuracy, "GRID", {**{key: values[:1] for key, values in accuracy.GRID.items()}})


@pytest.mark.usefixtures("_one_cell")
@pytest.mark.parametrize(("error", "code"), [(0, 0), (1, 1), (-1, 1)])
def test_a_cell_that_is_off_makes_the_exit_code(
    error: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = accuracy.errors_of

    def wrong(cell: Any, *, fake: bool) -> tuple[int, int]:
        difference, measured = right(cell, fake=fake)
        return difference + (error if fake else 0), measured

    monkeypatch.setattr(accuracy, "errors_of", wrong)
    assert accuracy.main() == code
    printed = capsys.readouterr().out
    assert ("None." in printed) == (code == 0)
    assert "| tiny | real tensors, CPU | torch's profiler, kernels' scratch left out | 1 | 1 |" in printed
    assert f"| tiny | fake tensors | a tracker of storages | 1 | {1 - code} |" in printed


@pytest.mark.parametrize("command", published.commands())
def test_published_peaks_stand_beside_what_the_command_prints(cli: Cli, command: str) -> None:
    _, _, *options = command.split()
    assert cli("memory", *options, "--json").json["peak_bytes"] == published.peak(options)


@pytest.mark.parametrize("error", [0, 1])
def test_families_have_a_table_which_is_measured_alone(
    error: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One family, fp32, a tied head, both paths of attention; the rest of the page stays as it is."""
    right = passes.swept

    def wrong(*given: Any) -> Any:
        books = right(*given)
        books.peak += error
        return books

    monkeypatch.setattr(family_books, "swept", wrong)
    grid = {"dtype": ["fp32"], "attention": ["sdpa", "explicit"], "tied": [True]}
    monkeypatch.setattr(family_books, "GRID", grid)
    llama = {"llama": families()["llama"]}
    monkeypatch.setattr(family_books, "families", lambda: llama)
    monkeypatch.setattr(sys, "argv", ["accuracy", "--quick", "--only", "families"])
    assert accuracy.main() == error
    printed = capsys.readouterr().out
    # The peaks of generation are read apart, so the planted error is none of theirs.
    exact = "| 2 of 2 | 2 of 2 | 2 of 2 | 6 | 0.0000% |" if not error else "| 0 of 2 | 2 of 2 | 0 of 2 | 6 |"
    assert f"| llama {exact}" in printed
    before, _, after = accuracy.PAGE.read_text().partition(family_books.TITLE)
    assert printed.startswith(before)
    assert printed.rstrip().endswith(after[after.index("\n## ") :].rstrip())
