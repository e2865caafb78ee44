"""Mutation tests of the books: one small error at a time, and tests/analysis and tests/architecture against each.

``python -m tools.mutate --sample 100 --seed 0`` plants a hundred errors in gptcli/analysis and gptcli/architecture,
chosen by the seed, each in a copy of the tree. What was judged is kept in .mutation/, so ``--portion 20`` judges twenty
more and stops; a file that has changed since is judged again. Exits with 1 where fewer than ``--at-least`` were killed.

The operators are cosmic-ray's and ours (`tools.mutation_operators`). Its sessions are not used: they change files in
place, take every mutant or none, and start a process that loads torch for each. Here one process loads torch and is
forked for each mutant, and the sample takes a place first and then one of the errors that can be made there.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from compileall import compile_dir
from difflib import unified_diff
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider
from msgspec import Struct

from tools.mutation_operators import OWN

ROOT = Path(__file__).parents[1]
MUTATED = ("gptcli/analysis", "gptcli/architecture")
TESTS = ("tests/analysis", "tests/architecture")
COPIED = ("gptcli", "tests", "tools", "configs", "benchmarks", "pyproject.toml")
# What most likely notices an error runs first; else the tests named after the file do.
_PHASES = (
    "add", "attention", "dropout", "embedding", "fused_attention", "gelu", "layer_norm", "linear", "loss", "passes",
    "program", "sweep",
)  # fmt: skip
LIKELY = dict.fromkeys(_PHASES, "test_phases.py")
SESSION = ROOT / ".mutation"
RESULTS = SESSION / "results.jsonl"

KILLED, SURVIVED, TIMEOUT, INVALID = "killed", "survived", "timeout", "invalid"

# Left out, because nobody could tell the mutant by a figure: words for people, type annotations and imports; the
# options of a class, which freeze it or make it faster; zip's strict, which only guards; texts of errors; and "is" for
# "==", which is the same for the short names that are compared here.
_LEFT_OUT_NODES = ("import_from", "import_name", "fstring", "raise_stmt", "assert_stmt")
_LEFT_OUT_ARGUMENTS = ("label", "source", "strict", "kw_only", "frozen", "cache_hash")
_LEFT_OUT_OPERATORS = ("ReplaceComparisonOperator_Eq_Is", "ReplaceComparisonOperator_NotEq_IsNot")
_NEEDS_ARGUMENTS = ("VariableReplacer", "VariableInserter")


class Mutant(Struct, frozen=True):
    """One error: the operator that makes it, which of its places in the file, and where that is."""

    file: str
    operator: str
    occurrence: int
    line: int
    column: int
    digest: str

    @property
    def key(self) -> str:
        """Its name in the session; a file that changes gets other mutants."""
        return f"{self.file}:{self.operator}:{self.occurrence}:{self.digest}"


def operators() -> dict[str, Any]:
    """Return every operator by name."""
    provider = OperatorProvider()
    found = {name: provider[name] for name in provider if name not in (*_NEEDS_ARGUMENTS, *_LEFT_OUT_OPERATORS)}
    return found | {operator.__name__: operator for operator in OWN}


def mutants_of(file: str, source: str) -> list[Mutant]:
    """List every error that can be made in a file."""
    nodes = list(ast_nodes(get_ast(source)))
    left_out = [(node.start_pos, node.end_pos) for node in _left_out(nodes)]
    digest = sha256(source.encode()).hexdigest()[:12]
    found = []
    for name, operator in operators().items():
        positions = [start for node in nodes for start, _ in operator().mutation_positions(node)]
        found += [
            Mutant(file, name, occurrence, line, column, digest)
            for occurrence, (line, column) in enumerate(positions)
            if not any(begin <= (line, column) < end for begin, end in left_out)
        ]
    return found


def _left_out(nodes: list[Any]) -> Iterator[Any]:
    for node in nodes:
        star_of_keywords = node.type == "operator" and node.parent.type in ("parameters", "dictorsetmaker")
        if node.type in _LEFT_OUT_NODES or star_of_keywords:
            yield node
        elif node.type in ("param", "funcdef") and node.annotation is not None:
            yield node.annotation
        elif node.type == "annassign":
            yield node.children[1]
        elif node.type == "classdef" and node.get_super_arglist() is not None:
            yield node.get_super_arglist()
        elif node.type == "argument" and getattr(node.children[0], "value", "") in _LEFT_OUT_ARGUMENTS:
            yield node


def all_mutants() -> list[Mutant]:
    """List every error that can be made in the folders."""
    files = sorted(path for folder in MUTATED for path in (ROOT / folder).rglob("*.py") if path.name != "__init__.py")
    found = ((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in files)
    return [mutant for file, source in found for mutant in mutants_of(file, source)]


def shuffled(mutants: list[Mutant], seed: int) -> list[Mutant]:
    """Return one error for each place, in an order that the seed decides."""
    places: dict[tuple[str, int, int], list[Mutant]] = {}
    for mutant in mutants:
        places.setdefault((mutant.file, mutant.line, mutant.column), []).append(mutant)
    draw = random.Random(seed)  # noqa: S311  # a sample, no secret
    order = sorted(places)
    draw.shuffle(order)
    return [draw.choice(places[place]) for place in order]


def mutated(mutant: Mutant) -> str:
    """Return the file with the error in it."""
    source = (ROOT / mutant.file).read_text(encoding="utf-8")
    changed: str = mutate_code(source, operators()[mutant.operator](), mutant.occurrence)
    return changed


def difference(mutant: Mutant) -> str:
    """Return the lines that the error changes."""
    before = (ROOT / mutant.file).read_text(encoding="utf-8").splitlines()
    lines = list(unified_diff(before, mutated(mutant).splitlines(), n=0, lineterm=""))[3:]
    return " ".join(" ".join(line.split()) for line in lines)


class Session:
    """What was judged, in a file to which each verdict is added."""

    def __init__(self) -> None:
        SESSION.mkdir(exist_ok=True)
        self.verdicts: dict[str, str] = {}
        if RESULTS.exists():
            for line in RESULTS.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self.verdicts[entry["key"]] = entry["verdict"]

    def add(self, mutant: Mutant, verdict: str, seconds: float) -> None:
        """Keep a verdict."""
        self.verdicts[mutant.key] = verdict
        entry = {"key": mutant.key, "verdict": verdict, "seconds": round(seconds, 1)}
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def copied_tree() -> Path:
    """Return a fresh copy of what the tests need, compiled."""
    tree = SESSION / f"tree-{os.getpid()}"
    shutil.rmtree(tree, ignore_errors=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tree / name)
    compile_dir(tree, quiet=1)
    return tree


def judge(mutant: Mutant | None, tree: Path, limit: float) -> str:
    """Run the tests in forks with an error planted, or with none."""
    original = (ROOT / mutant.file).read_text(encoding="utf-8") if mutant else ""
    if mutant:
        (tree / mutant.file).write_text(mutated(mutant), encoding="utf-8")
    try:
        for tests in test_groups(Path(mutant.file).stem if mutant else ""):
            verdict = _forked(tree, limit, tests)
            if verdict != SURVIVED:
                return verdict
        return SURVIVED
    finally:
        if mutant:
            (tree / mutant.file).write_text(original, encoding="utf-8")


def test_groups(stem: str) -> list[list[str]]:
    """Return every file of the tests: those that know the mutated one, then the others."""
    files = sorted(path for folder in TESTS for path in (ROOT / folder).glob("test_*.py"))
    likely = [path for path in files if path.name in (LIKELY.get(stem), f"test_{stem}.py")]
    groups = (likely, [path for path in files if path not in likely])
    return [[path.relative_to(ROOT).as_posix() for path in group] for group in groups if group]


def _forked(tree: Path, limit: float, tests: list[str]) -> str:
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os._exit(_run_tests(tree, tests))
    started = time.monotonic()
    while time.monotonic() - started < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return {0: SURVIVED, 1: KILLED, 2: INVALID}.get(os.waitstatus_to_exitcode(status), KILLED)
        time.sleep(0.1)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TIMEOUT


def _run_tests(tree: Path, tests: list[str]) -> int:
    """Return 0 where all passed, 1 where one failed, 2 where the mutated package cannot even be imported."""
    with (tree / "output.txt").open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    for name in [name for name in sys.modules if name.split(".")[0] in ("gptcli", "tests", "tools")]:
        del sys.modules[name]
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    sys.dont_write_bytecode = True
    try:
        _import_everything(tree)
    except BaseException:
        return 2
    import pytest

    plain = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0")
    return int(pytest.main([*plain, *tests]) != 0)


def _import_everything(tree: Path) -> None:
    for folder in MUTATED:
        for path in sorted((tree / folder).rglob("*.py")):
            import_module(".".join(path.relative_to(tree).with_suffix("").parts).removesuffix(".__init__"))


def main() -> int:
    """Judge a portion of a sample; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sample", type=int, default=100, help="errors to judge; 0: one at every place")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--portion", type=int, default=0, help="judge so many and stop; 0: all that are left")
    parser.add_argument("--at-least", type=float, default=0.9, help="the share that has to be killed")
    parser.add_argument("--again", action="store_true", help="judge those again that survived, after tests were added")
    asked = parser.parse_args()
    session, order = Session(), shuffled(all_mutants(), asked.seed)
    wanted = asked.sample or len(order)
    try:
        _judge_portion(session, order, wanted, asked.portion, again=asked.again)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(SESSION / f"tree-{os.getpid()}", ignore_errors=True)
    return _report(_sample(session, order, wanted), session, wanted, asked.at_least)


def _sample(session: Session, order: list[Mutant], wanted: int) -> list[Mutant]:
    """Return the first so many of the order; what cannot be imported counts for nothing."""
    return [mutant for mutant in order if session.verdicts.get(mutant.key) != INVALID][:wanted]


def _judge_portion(session: Session, order: list[Mutant], wanted: int, portion: int, *, again: bool) -> None:
    _load()
    tree = copied_tree()
    started = time.monotonic()
    if judge(None, tree, 600) != SURVIVED:
        sys.exit(f"error: the tests fail without any mutation:\n{(tree / 'output.txt').read_text()[-3000:]}")
    limit = max(60.0, 4 * (time.monotonic() - started))
    tried: set[str] = set()
    while portion == 0 or len(tried) < portion:
        open_ = [m for m in _sample(session, order, wanted) if _is_open(m, session, tried, again=again)]
        if not open_:
            return
        mutant, started = open_[0], time.monotonic()
        verdict = judge(mutant, tree, limit)
        tried.add(mutant.key)
        session.add(mutant, verdict, time.monotonic() - started)
        print(f"{verdict:<9} {mutant.file}:{mutant.line} {mutant.operator}: {difference(mutant)}", flush=True)


def _is_open(mutant: Mutant, session: Session, tried: set[str], *, again: bool) -> bool:
    verdict = session.verdicts.get(mutant.key)
    return mutant.key not in tried and (verdict is None or (again and verdict == SURVIVED))


def _load() -> None:
    """Import what takes long and is not mutated, once; pytest itself insists on importing its plugins."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in ("numpy", "torch", "torch._dynamo", "torch._subclasses.fake_tensor", "torch.utils.flop_counter"):
        import_module(name)


def _report(sample: list[Mutant], session: Session, wanted: int, at_least: float) -> int:
    judged = [mutant for mutant in sample if mutant.key in session.verdicts]
    counts = Counter(session.verdicts[mutant.key] for mutant in judged)
    killed = counts[KILLED] + counts[TIMEOUT]
    by_time = f" ({counts[TIMEOUT]} by time)" if counts[TIMEOUT] else ""
    print(f"\n{len(judged)} of {wanted} judged: {killed} killed{by_time}, {counts[SURVIVED]} survived")
    for mutant in judged:
        if session.verdicts[mutant.key] == SURVIVED:
            print(f"  {mutant.file}:{mutant.line} {mutant.operator}: {difference(mutant)}")
    if len(judged) < len(sample):
        print(f"{len(sample) - len(judged)} are left; the same command goes on")
        return 0
    return 0 if killed >= at_least * len(judged) else 1


if __name__ == "__main__":
    sys.exit(main())
