"""The mutation tool: what it plants, what it leaves out, and that it goes on where it stopped."""

import time
from pathlib import Path
from typing import Any

import pytest
from cosmic_ray.mutating import mutate_code

from tools import mutate
from tools.mutate import INVALID, KILLED, SURVIVED, TIMEOUT, Mutant, Session, difference, mutants_of, shuffled
from tools.mutation_operators import OWN, RemoveArgument, RemoveElement, ReplaceDimension, ReplaceItemSize

SOURCE = '''"""Words: 1 + 1."""

from somewhere import B, C, T


class Thing(Base, frozen=True, kw_only=True):
    size: int | None = 3


def build(width: int | None) -> int | str:
    if width == 0:
        raise ValueError(f"{width + 1} is wrong")
    return Thing(label="a + b" + "c", shape=(B, T), size=width)
'''


def every_change(operator: Any, source: str) -> list[str]:
    found: list[str] = []
    while (changed := mutate_code(source, operator(), len(found))) is not None:
        found.append(changed)
    return found


@pytest.mark.parametrize("operator", OWN)
def test_an_operator_does_what_its_example_says(operator: Any) -> None:
    for example in operator.examples():
        assert example.post_mutation_code in every_change(operator, example.pre_mutation_code)


@pytest.mark.parametrize(
    ("operator", "source", "expected"),
    [
        (ReplaceDimension, "from s import B, T, V\nx = (T,)", ["x = (V,)", "x = (B,)"]),
        (ReplaceDimension, "from s import T\nx = (T,)", []),  # no other is known there
        (ReplaceDimension, "from s import B, T\nB.x, x.B", ["T.x, x.B"]),
        (ReplaceItemSize, "FP32, BOOL = 4, 1\nf(FP32)", ["f(BOOL)"]),
        (ReplaceItemSize, "f(item=given.stream_item)", ["f(item=given.item)"]),
        (RemoveArgument, "f(a, b=1, c=2)", ["f(a, c=2)", "f(a, b=1)"]),
        (RemoveElement, "x = (a, b, 'words')", ["x = (b, 'words')", "x = (a, 'words')"]),
        (RemoveElement, "x = (a,)", ["x = ()"]),
        (RemoveElement, "x = [a, b]", ["x = [b,]", "x = [a,]"]),
        (RemoveElement, "x = (a for a in b)", []),
    ],
)
def test_every_change_of_an_operator(operator: Any, source: str, expected: list[str]) -> None:
    assert [changed.splitlines()[-1] for changed in every_change(operator, source)] == expected


def test_words_types_and_guards_are_left_out() -> None:
    planted = {(mutant.line, mutant.operator.split("_")[0]) for mutant in mutants_of("f.py", SOURCE)}
    assert {line for line, _ in planted} == {7, 11, 13}
    assert (7, "NumberReplacer") in planted
    assert (11, "ReplaceComparisonOperator") in planted
    assert {kind for line, kind in planted if line == 13} == {"ReplaceDimension", "RemoveArgument", "RemoveElement"}


def test_a_sample_is_reproducible_and_has_one_error_a_place() -> None:
    mutants = mutants_of("f.py", SOURCE)
    first, again, other = (shuffled(mutants, seed) for seed in (0, 0, 1))
    assert first == again != other
    places = [(mutant.line, mutant.column) for mutant in first]
    assert len(places) == len(set(places)) == len({(mutant.line, mutant.column) for mutant in mutants})


def test_every_file_of_the_books_has_mutants() -> None:
    files = {mutant.file for mutant in mutate.all_mutants()}
    assert {"gptcli/analysis/sweep.py", "gptcli/architecture/parts/linear.py", "gptcli/analysis/fit.py"} <= files


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Session:
    monkeypatch.setattr(mutate, "SESSION", tmp_path)
    monkeypatch.setattr(mutate, "RESULTS", tmp_path / "results.jsonl")
    return Session()


def a_mutant(line: int) -> Mutant:
    return Mutant("gptcli/analysis/limits.py", "AddNot", 0, line, 0, "digest" + str(line))


def test_verdicts_are_kept(session: Session) -> None:
    session.add(a_mutant(1), KILLED, 0.5)
    session.add(a_mutant(2), SURVIVED, 0.5)
    session.add(a_mutant(2), KILLED, 0.5)  # judged again, when a test had been added
    assert Session().verdicts == {a_mutant(1).key: KILLED, a_mutant(2).key: KILLED}


@pytest.mark.parametrize(("killed", "code"), [(9, 0), (8, 1)])
def test_one_in_ten_may_survive(session: Session, killed: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    sample = [a_mutant(line) for line in range(10)]
    for mutant in sample:
        session.add(mutant, KILLED if mutant.line < killed else SURVIVED, 0.5)
    assert mutate._report(sample, session, 10, 0.9) == code
    assert f"10 of 10 judged: {killed} killed, {10 - killed} survived" in capsys.readouterr().out


def test_what_is_left_is_said(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    sample = [a_mutant(line) for line in range(10)]
    session.add(sample[0], TIMEOUT, 0.5)
    assert mutate._report(sample, session, 10, 0.9) == 0
    said = capsys.readouterr().out
    assert "1 of 10 judged: 1 killed (1 by time), 0 survived" in said
    assert "9 are left; the same command goes on" in said


def test_what_cannot_be_imported_makes_room_for_another(session: Session) -> None:
    order = [a_mutant(line) for line in range(4)]
    session.add(order[1], INVALID, 0.5)
    assert mutate._sample(session, order, 2) == [order[0], order[2]]


def test_only_what_survived_is_judged_again(session: Session) -> None:
    for mutant, verdict in zip(map(a_mutant, range(3)), (KILLED, SURVIVED, TIMEOUT), strict=True):
        session.add(mutant, verdict, 0.5)
    order = [a_mutant(line) for line in range(4)]

    def is_open(again: bool) -> list[int]:
        return [mutant.line for mutant in order if mutate._is_open(mutant, session, set(), again=again)]

    assert is_open(again=False) == [3]
    assert is_open(again=True) == [1, 3]
    assert not mutate._is_open(order[3], session, {order[3].key}, again=True)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("code", "verdict"), [(0, SURVIVED), (1, KILLED), (2, INVALID), (-9, KILLED), (None, TIMEOUT)])
def test_a_fork_gives_a_verdict(
    code: int | None, verdict: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import os

    def run(_tree: Path, _tests: list[str]) -> int:
        if code is None:
            time.sleep(60)
        if code == -9:
            os.kill(os.getpid(), 9)
        return code or 0

    monkeypatch.setattr(mutate, "_run_tests", run)
    assert mutate.judge(None, tmp_path, 0.3 if code is None else 30) == verdict


def test_every_test_runs_the_likeliest_first() -> None:
    (every,) = mutate.test_groups("")
    assert {path.parent.name for path in map(Path, every)} == {"analysis", "architecture"}
    for stem, first in (("linear", "tests/analysis/test_phases.py"), ("why", "tests/analysis/test_why.py")):
        likely, others = mutate.test_groups(stem)
        assert likely == [first]
        assert sorted(likely + others) == every


def test_a_difference_is_one_line() -> None:
    file = "gptcli/analysis/limits.py"
    mutants = mutants_of(file, (mutate.ROOT / file).read_text(encoding="utf-8"))
    mutant = next(mutant for mutant in mutants if mutant.operator == "AddNot")
    asked = "config.longest_text is not None and tokens > config.longest_text:"
    assert difference(mutant) == f"- if {asked} + if not {asked}"
