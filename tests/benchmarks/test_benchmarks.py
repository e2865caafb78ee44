"""The benchmark: what it lists can run, what it measures is what was run, what is over a limit is told."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import __main__ as main
from benchmarks import page
from benchmarks.inside import CASES, alternate, timed
from benchmarks.pairs import Pair, pairs
from benchmarks.process import ROOT, Ran, run


def result(**changed: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "name": "ours", "against": "theirs", "measure": "seconds", "option": False, "ours": 0.2, "theirs": 0.1,
        "ratio": 2.0, "least": 1.5, "most": 2.5, "limit": 1.5, "runs": 3,
        "our_peak_bytes": 2.0**21, "their_peak_bytes": 2.0**20,
    }  # fmt: skip
    return whole | changed


@pytest.mark.parametrize("cuda", [False, True])
def test_every_pair_names_something_that_exists(cuda: bool) -> None:
    listed = pairs(Path("/nowhere"), 1, cuda=cuda)
    assert any(pair.name.endswith("CUDA") for pair in listed) == cuda
    assert len({(pair.name, pair.against) for pair in listed}) == len(listed)
    for pair in listed:
        if pair.theirs:
            module = pair.theirs[2] if pair.theirs[1] == "-m" else None
            assert module is None or (ROOT / (module.replace(".", "/") + ".py")).is_file()
        else:
            assert pair.ours[0] in CASES


def test_peaks_and_seconds_are_those_of_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    took = {"a": iter([Ran(9, 9), Ran(2, 30), Ran(4, 30)]), "b": iter([Ran(9, 9), Ran(1, 10), Ran(1, 10)])}
    monkeypatch.setattr(main, "run", lambda command, **_: next(took[command[0]]))
    told = main.measured(Pair(name="a", against="b", ours=["a"], theirs=["b"], measure="peak", extra_bytes=5), 2)
    assert (told["our_peak_bytes"], told["their_peak_bytes"]) == (30, 10)
    assert (told["ours"], told["theirs"], told["ratio"]) == (30, 15, 2)
    took = {"a": iter([Ran(2, 30), Ran(4, 30)]), "b": iter([Ran(1, 10), Ran(1, 10)])}
    told = main.measured(Pair(name="a", against="b", ours=["a"], theirs=["b"], warm=False), 2)
    assert (told["ours"], told["ratio"], told["least"], told["most"]) == (3, 3, 2, 4)


def test_the_peak_is_that_of_the_command() -> None:
    """Asked in a process without torch, as the benchmark is: a child starts with the pages of its parent."""
    code = "from benchmarks.process import run; import sys; print(run([sys.executable, '-c', sys.argv[1]]).peak_bytes)"
    peaks = [
        int(subprocess.run([sys.executable, "-c", code, what], cwd=ROOT, check=True, capture_output=True).stdout)
        for what in ("data = b'x' * 200_000_000", "pass")
    ]
    assert peaks[0] > 200_000_000 > 100_000_000 > peaks[1]


def test_a_process_can_have_a_terminal_and_its_failure_is_told() -> None:
    asks = "import sys; sys.exit(not sys.stderr.isatty()); "
    run([sys.executable, "-c", asks], terminal=True)
    with pytest.raises(RuntimeError, match="ended with 1"):
        run([sys.executable, "-c", asks])
    with pytest.raises(RuntimeError, match="the reason"):
        run([sys.executable, "-c", "raise SystemExit('the reason')"])


def test_what_is_over_its_limit_is_told_everywhere() -> None:
    over, fine, free = result(), result(ratio=1.5), result(limit=None)
    assert [page.is_over(each) for each in (over, fine, free)] == [True, False, False]
    assert page.line(over).endswith("OVER")
    assert page.line(fine).endswith("ok")
    found = {"machine": {"processor": "slow"}, "limits": {"memory": "1 GB/s"}, "card": None}
    written = page.page({**found, "pairs": [over, fine, free, result(option=True, our_first=9.0)]})
    assert "**2.00**" in written
    assert "1 of 3" in written
    assert "| 9.00 s |" in written
    assert "On CUDA: not measured." in written
    assert "Every limit holds." in page.page({**found, "pairs": [fine]})


def test_turns_are_taken_and_the_first_does_not_count() -> None:
    order: list[str] = []

    def noted(who: str) -> float:
        order.append(who)
        return float(len(order))

    told = alternate(lambda: noted("a"), lambda: noted("b"), 2)
    assert order == ["a", "b"] * 3
    assert told == {"first": 1.0, "ours": [3.0, 5.0], "theirs": [4.0, 6.0]}
    assert timed(lambda: torch.zeros(3), "cpu")() > 0


def test_an_unknown_name_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--only", "no such pair"])
    monkeypatch.setattr(main, "_json_of", lambda *_: {"card": None, "limits": {}})
    assert main.main() == 2
    assert "no such pair" in capsys.readouterr().err
