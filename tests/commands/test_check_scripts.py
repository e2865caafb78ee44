"""``gptcli check`` on scripts that train below their network: what makes it is run, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import gptcli.model.check.run  # noqa: F401  # loaded once here, rather than by the child of every test
from tests.conftest import Cli
from tests.model.planted import NANOGPT, SIZES

GPT = NANOGPT.partition("\ndef make")[0]
LINES = GPT.count("\n")
CONFIG = f"GPTConfig(vocab_size=61, block_size=16, n_embd={SIZES['emb_dim']}, n_head=4, n_layer=2)"
TRAINED = "open('trained', 'w').close()"  # stands where training would begin


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# What stands below the class, what is named, and in which of its lines that which is left out begins.
SCRIPTS = {
    "a loop": (f"for step in range(3):\n    {TRAINED}\n", "GPT", 1),
    "an endless loop": (f"model = GPT({CONFIG})\nwhile True:\n    x = 1\n", "GPT", 1),
    "a call": (f"def train(model):\n    {TRAINED}\n\n\nmodel = GPT({CONFIG})\ntrain(model)\n", "GPT", 5),
    "a name that the class has too": (
        f"def fit():\n    {TRAINED}\n    return 1\n\n\nfor x in [fit()]:\n    loss = x\n", "GPT", 6
    ),
    "a library that only training needs": (
        f"import nowhere_at_all\nlog = nowhere_at_all.start()\nlast = log.step\nfor i in log:\n    {TRAINED}\n",
        "GPT", 2
    ),
    "a model": (f"model = GPT({CONFIG})\nmodel.train()\nfor i in range(3):\n    {TRAINED}\n", "model", 2),
    "a function above the training": (
        f"def make_it():\n    return GPT({CONFIG})\n\n\nmodel = make_it()\n{TRAINED}\n", "make_it", 5
    ),
    "below a definition that it needs": (
        f"def make_it():\n    return GPT(size())\nfor i in range(3):\n    {TRAINED}\n\n\n"
        f"def size():\n    return {CONFIG}\n", "make_it", 3
    ),
    "below a value that it needs": (
        f"def make_it():\n    return GPT(SIZE)\n\n\nfor i in range(3):\n    {TRAINED}\nSIZE = {CONFIG}\n", "make_it", 5
    ),
    "an exit": (f"import sys\nsys.exit({TRAINED})\n", "GPT", 2),
}  # fmt: skip


@pytest.mark.parametrize("case", SCRIPTS)
def test_only_what_makes_it_is_run(cli: Cli, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    below, name, line = SCRIPTS[case]
    (tmp_path / "train.py").write_text(f"{GPT}\n{below}")
    monkeypatch.chdir(tmp_path)
    outcome = cli("check", f"train.py:{name}", "--json")
    assert outcome.code == 0, outcome.err
    assert not (tmp_path / "trained").exists()
    told = [each["message"] for each in outcome.json["findings"] if each["kind"] == "left-out"]
    place = f"train.py:{LINES + 1 + line}"
    assert told == [f"{place}: calls or loops below what is needed; from here on only definitions were run"]


@pytest.mark.parametrize("statement", ["from train import GPT, GPTConfig", "from .train import GPT, GPTConfig"])
def test_a_function_that_imports_from_a_script(
    cli: Cli, tmp_path: Path, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.py").write_text(f"{GPT}\nmodel = GPT({CONFIG})\nwhile True:\n    {TRAINED}\n")
    (tmp_path / "check_me.py").write_text(f"{statement}\n\n\ndef make_it():\n    return GPT({CONFIG})\n")
    monkeypatch.chdir(tmp_path)
    outcome = cli("check", "check_me.py:make_it", "--timeout", "20", "--json")
    assert outcome.code == 0, outcome.err
    told = [each["message"] for each in outcome.json["findings"] if each["kind"] == "left-out"]
    assert len(told) == 1
    assert told[0].startswith(f"train.py:{LINES + 2}: ")
    assert not (tmp_path / "trained").exists()


@pytest.mark.parametrize("statement", ["import nowhere_at_all", "text = open('nowhere.txt').read()",
                                       "log = print\nlog.no_such_thing()"])  # fmt: skip
def test_what_fails_above_and_is_not_needed_is_passed_over(cli: Cli, tmp_path: Path, statement: str) -> None:
    (tmp_path / "train.py").write_text(f"{statement}\n{GPT}")
    outcome = cli("check", f"{tmp_path}/train.py:GPT", "--json")
    assert outcome.code == 0, outcome.err
    told = [each["message"] for each in outcome.json["findings"] if each["kind"] == "left-out"]
    assert len(told) == 1
    assert f"train.py:{statement.count(chr(10)) + 1}: " in told[0]
    assert told[0].endswith("; passed over, as what is needed does not read it")


@pytest.mark.parametrize("statement", ["import nowhere_at_all as nn", "raise ValueError('stop')", "nn = 1 / 0"])
def test_what_fails_above_and_is_needed_is_told(cli: Cli, tmp_path: Path, statement: str) -> None:
    (tmp_path / "train.py").write_text(f"{GPT[: GPT.index('class LayerNorm')]}\n{statement}\n"
                                       f"{GPT[GPT.index('class LayerNorm') :]}")  # fmt: skip
    outcome = cli("check", f"{tmp_path}/train.py:GPT")
    assert (outcome.code, outcome.out) == (2, "")
    assert "(while it was loaded)" in outcome.err


WHOLE = {
    "a main guard": f"if __name__ == '__main__':\n    {TRAINED}\n",
    "definitions": "SIZE = 3\n\n\ndef more():\n    return SIZE\n\n\nclass Other(GPT):\n    pass\n",
    "an attribute of the class": "GPT.extra = SIZE = 4\n",
    "nothing": "",
}


@pytest.mark.parametrize("case", WHOLE)
def test_nothing_is_said_where_nothing_is_left_out(
    cli: Cli, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.py").write_text(f"{GPT}\n{WHOLE[case]}")
    monkeypatch.chdir(tmp_path)
    outcome = cli("check", "train.py:GPT", "--json")
    assert outcome.code == 0, outcome.err
    assert "left-out" not in [each["kind"] for each in outcome.json["findings"]]
    assert not (tmp_path / "trained").exists()


def test_what_stands_above_is_run_and_the_last_definition_counts(cli: Cli, tmp_path: Path) -> None:
    first = "class GPT:\n    pass\n\n\nSEEN = []\nfor i in range(3):\n    SEEN.append(i)\nassert SEEN == [0, 1, 2]\n"
    (tmp_path / "train.py").write_text(f"{first}{GPT}")
    assert cli("check", f"{tmp_path}/train.py:GPT").code == 0


# What a file does for ever, and the line of theirs that is running then.
ENDLESS = {
    "a loop": ("while True:\n    pass\n", "my_gpt.py:(2|3)"),
    "a call that sleeps": ("def wait():\n    import time\n    time.sleep(999)\nwait()\n",
                           r"my_gpt.py:4 \(called from my_gpt.py:5\)"),
    "in C": ("import itertools\nsum(itertools.repeat(0))\n", "my_gpt.py:3"),
    "in a file beside it": ("import helper\nhelper.work()\n", r"helper.py:[23] \(called from my_gpt.py:3\)"),
    "beside a thread": ("import threading, time\nthreading.Thread(target=time.sleep, args=(999,)).start()\n"
                        "while True: pass\n", "my_gpt.py:4"),
}  # fmt: skip


@pytest.mark.parametrize("case", ENDLESS)
def test_the_line_that_was_running_when_the_time_was_up(
    cli: Cli, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, place = ENDLESS[case]
    (tmp_path / "my_gpt.py").write_text(f"NAMED = 1\n{source}")
    (tmp_path / "helper.py").write_text("def work():\n    while True:\n        x = 1\n")
    monkeypatch.chdir(tmp_path)
    outcome = cli("check", "my_gpt.py:make", "--timeout", "1")
    assert (outcome.code, outcome.out) == (2, "")
    told = "was still running after 1 s while it was loaded; --timeout sets another limit, 0 none\n"
    assert re.fullmatch(f"error: {place}: {told}", outcome.err)


def test_a_forward_that_does_not_end(cli: Cli, tmp_path: Path) -> None:
    source = GPT.replace("    def forward(self, idx, targets=None):\n", "    def forward(self, idx, targets=None):\n"
                         "        while True: pass\n")  # fmt: skip
    line = source[: source.index("while True")].count("\n") + 1
    (tmp_path / "my_gpt.py").write_text(source)
    outcome = cli("check", f"{tmp_path}/my_gpt.py:GPT", "--timeout", "1")
    assert outcome.code == 2
    assert f"my_gpt.py:{line}: was still running after 1 s while it ran on 2 x 8 token ids" in outcome.err
