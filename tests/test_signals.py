"""Signals end the process whatever code they meet, and what was begun is undone."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
PROLOGUE = """
import ctypes, os, signal, sys
from gptcli.signals import end_on_signals, undone, undone_on_signals
number = int(sys.argv[1])
end_on_signals()
def hit(*_):
    os.kill(os.getpid(), number)
    for _ in range(100):  # the handler runs between two instructions
        pass
"""

# Code that drops what is raised inside it: each of them is met in torch, or in a user's file.
SWALLOWING = {
    "bare except": "try:\n    hit()\nexcept:\n    pass",
    "callback of C": "ctypes.CFUNCTYPE(None)(hit)()",
    "finaliser": "class A:\n    __del__ = hit\nA()",
    "weak reference": "import weakref\nclass A: pass\na = A()\nr = weakref.ref(a, hit)\ndel a",
    "import": "class F:\n    def find_spec(self, *_): hit()\nsys.meta_path.insert(0, F())\ntry:\n    import nowhere\n"
    "except BaseException:\n    pass",
}


def ended(code: str, number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROLOGUE + code, str(int(number)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, preexec_fn=_heed)


def _heed() -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)  # under nohup they would be ignored


@pytest.mark.parametrize("case", SWALLOWING)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_code_can_swallow_a_signal(case: str, number: signal.Signals) -> None:
    done = ended(f"{SWALLOWING[case]}\nprint('went on')", number)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")


@pytest.mark.parametrize("number", ENDING)
def test_what_was_begun_is_undone_the_last_first_and_only_what_is_open(number: signal.Signals) -> None:
    code = """
def say(text): return lambda: os.write(1, text)
with undone(say(b"1")), undone_on_signals(say(b"2")), undone(lambda: 1 / 0), undone(say(b"3")):
    with undone(say(b"-")), undone_on_signals(say(b"!")):
        pass
    hit()
"""
    done = ended(code, number)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "-321", "")


def test_a_second_signal_does_not_break_off_what_is_undone() -> None:
    done = ended("with undone(lambda: (hit(), os.write(1, b'undone'))):\n    hit()", signal.SIGTERM)
    assert (done.returncode, done.stdout) == (143, "undone")


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    code = "signal.signal(number, signal.SIG_IGN)\nend_on_signals()\nhit()\nprint('went on')"
    assert ended(code, signal.SIGHUP).stdout == "went on\n"


@pytest.mark.parametrize("made", ["file", "directory"])
def test_a_signal_right_after_the_temporary_is_made_leaves_nothing(tmp_path: Path, made: str) -> None:
    code = """
import gptcli.files as files
real = getattr(files, "_create_" + sys.argv[2])
setattr(files, "_create_" + sys.argv[2], lambda path: (real(path), os.write(1, b"made"), hit()))
writer = files.replaced_file if sys.argv[2] == "file" else files.new_directory
with writer(sys.argv[3] + "/x"):
    print("went on")
"""
    done = ended(code, signal.SIGTERM, made, str(tmp_path))
    assert (done.returncode, done.stdout) == (143, "made")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("typer", "params"),
        ("gptcli.commands.params", "params"),
        ("rich.table", "params"),
        ("numpy", "forward x -c tiny"),
    ],
)
def test_a_signal_while_a_command_loads_ends_it(number: signal.Signals, place: str, command: str) -> None:
    code = f"""
class Finder:
    seen = False
    def find_spec(self, name, *_):
        if name == {place!r} and not Finder.seen:  # once: torch tries NumPy again, and would end then
            Finder.seen = True
            hit()
sys.meta_path.insert(0, Finder())
sys.argv = ["gptcli", *{command.split()!r}]
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
from gptcli.__main__ import main
main()
"""
    done = ended(code, number)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")
