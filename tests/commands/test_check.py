"""``gptcli check``: other people's files, right and broken, and what they must not do to us."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import gptcli.model.check.run  # noqa: F401  # loaded once here, rather than by the child of every test
from tests.conftest import Cli, gptcli_process
from tests.model.planted import LECTURE, NANOGPT, SIZES, plant


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small(tmp_path: Path) -> list[str]:
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(SIZES))
    return ["-c", str(file)]


def write(folder: Path, source: str, name: str = "my_gpt.py") -> str:
    file = folder / name
    file.write_text(source, encoding="utf-8")
    return str(file)


def swapped(source: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


def test_the_screen_of_a_right_network(
    cli: Cli, tmp_path: Path, small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    outcome = cli("check", plant(tmp_path, "lecture"), *small)
    assert outcome.code == 0, outcome.err
    assert "Transformer block: 13 steps" in outcome.out
    assert "steps that can be seen agree: this is the network of the config." in outcome.out
    assert max(len(line) for line in outcome.out.splitlines() if not line.startswith(str(tmp_path))) <= 80


def test_a_text_that_a_named_config_cannot_take_is_refused_before_the_file_runs(cli: Cli, tmp_path: Path) -> None:
    target = write(tmp_path, "raise SystemExit('it ran')\n")
    outcome = cli("check", f"{target}:GPTModel", "a b c", "-c", "tiny", "--set", "context_length=2")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: the text has 3 tokens, over the context length 2 of tiny; ")


def test_the_screen_of_a_mistake(cli: Cli, tmp_path: Path, small: list[str]) -> None:
    outcome = cli("check", plant(tmp_path, "lecture", "no-mask"), *small)
    assert outcome.code == 1
    assert "First departs: Softmax h.0.attn.softmax gives other numbers." in outcome.out
    assert "expected, 2 x 4 x 8 x 8" in outcome.out
    assert "Probably: no causal mask: every token attends to those after it" in outcome.out
    assert "It looks ahead: changing the last token changes" in outcome.out
    assert "ln_2" not in outcome.out  # nothing that follows from it


@pytest.mark.parametrize("way", ["lecture", "nanogpt"])
@pytest.mark.parametrize("mistake", ["no-mask", "mask-one-late", "mask-transposed", "norm-over-tokens", "no-scale"])
def test_looking_ahead_is_told_apart_from_other_mistakes(
    cli: Cli, tmp_path: Path, small: list[str], way: str, mistake: str
) -> None:
    document = cli("check", plant(tmp_path, way, mistake), *(small if way == "lecture" else []), "--json").json
    assert document["looks_ahead"] is (mistake != "no-scale")


def test_two_mistakes_behind_one_output(cli: Cli, tmp_path: Path) -> None:
    document = cli("check", plant(tmp_path, "nanogpt", "no-mask", "no-scale"), "--json").json
    assert sorted(document["first_divergence"]["mistakes"]) == ["no-mask", "no-scale"]


def test_an_unknown_mistake_is_located_all_the_same(cli: Cli, tmp_path: Path, small: list[str]) -> None:
    source = swapped(LECTURE, ("return self.out_proj(context)", "return self.out_proj(context) * 1.5"))
    outcome = cli("check", f"{write(tmp_path, source)}:GPTModel", *small)
    assert outcome.code == 1
    assert "First departs: Masked multi-head attention h.0.attn gives other numbers." in outcome.out
    assert "No known mistake reproduces it." in outcome.out


def test_a_mistake_in_the_second_block_alone(cli: Cli, tmp_path: Path) -> None:
    source = swapped(NANOGPT, ("x = block(x)", "x = block(x) if block is not self.transformer.h[1] else x + block.mlp("
                                               "block.ln_2(x + block.attn(block.ln_1(x))))"))  # fmt: skip
    document = cli("check", f"{write(tmp_path, source)}:make", "--json").json
    found = document["first_divergence"]
    assert (found["path"], found["mistakes"]) == ("h.1.add_2", ["shortcut-2-from-start"])


def test_text_is_run_in_reverse_order_too(cli: Cli, tmp_path: Path, small: list[str]) -> None:
    target = plant(tmp_path, "lecture")
    document = cli("check", target, "Every effort", *small, "--set", "vocab_size=50257", "--json").json
    assert document["input_ids"] == [[6109, 3626], [3626, 6109]]
    one = cli("check", target, "A", *small, "--tokenizer", "gpt2", "--json").json
    assert (one["ok"], one["looks_ahead"], one["input_ids"]) == (True, None, [[32], [32]])
    outside = cli("check", target, "moves", *small, "--tokenizer", "gpt2")
    assert (outside.code, outside.out) == (2, "")
    assert "outside the vocabulary of 61" in outside.err
    assert "61, which is not GPT-2's" in cli("check", target, "moves", *small).err


class TestConfig:
    """What the model is held against."""

    def test_sizes_of_a_function_are_read_off_and_heads_from_its_attributes(self, cli: Cli, tmp_path: Path) -> None:
        document = cli("check", plant(tmp_path, "nanogpt"), "--json").json
        config = document["config"]
        assert (config["n_heads"], config["emb_dim"], config["n_layers"]) == (4, 24, 2)
        assert (config["activation"], config["weight_tying"]) == ("gelu", True)
        assert document["findings"][0]["path"] == "transformer.h.0.attn.n_head"

    def test_heads_that_nobody_says_are_guessed_or_set(self, cli: Cli, tmp_path: Path) -> None:
        source = swapped(NANOGPT, ("self.n_head", "self.how_many"), ("self.config = config", "pass"))
        target = f"{write(tmp_path, source)}:make"
        guessed = cli("check", target, "--json").json
        assert guessed["findings"][0]["kind"] == "guessed-heads"
        assert guessed["first_divergence"]["mistakes"] == ["other-heads"]
        assert "if that is meant, --set n_heads=4" in guessed["first_divergence"]["hint"]
        assert cli("check", target, "--set", "n_heads=4", "--json").json["ok"] is True

    def test_the_other_gelu_can_be_meant(self, cli: Cli, tmp_path: Path, small: list[str]) -> None:
        exact = plant(tmp_path, "lecture", "exact-gelu")
        assert cli("check", exact, *small, "--set", "activation=gelu").code == 0
        assert cli("check", plant(tmp_path, "nanogpt"), "--set", "activation=gelu_tanh").code == 1

    def test_a_config_that_is_named_is_held_against_a_function(self, cli: Cli, tmp_path: Path) -> None:
        outcome = cli("check", plant(tmp_path, "nanogpt"), "-c", "tiny", "--json")
        assert outcome.code == 1
        assert outcome.json["first_divergence"]["kind"] in ("missing", "vocabulary", "misshaped", "unexpected")
        assert outcome.json["steps"] == []

    def test_a_tied_head_is_as_good_as_another_unless_one_is_asked_for(
        self, cli: Cli, tmp_path: Path, small: list[str]
    ) -> None:
        head = 'self.out_head = nn.Linear(cfg["emb_dim"], cfg["vocab_size"], bias=False)\n'
        source = swapped(LECTURE, (head, head + "        self.out_head.weight = self.tok_emb.weight\n"))
        target = f"{write(tmp_path, source)}:GPTModel"
        document = cli("check", target, *small, "--json").json
        assert (document["ok"], document["config"]["weight_tying"]) == (True, True)
        asked = cli("check", target, *small, "--untied", "--json")
        assert (asked.code, asked.json["first_divergence"]["kind"]) == (1, "tying")
        assert "--untied, but this head shares the token embedding" in asked.json["first_divergence"]["hint"]

    def test_a_model_without_a_head_of_its_own(self, cli: Cli, tmp_path: Path, small: list[str]) -> None:
        source = swapped(
            LECTURE,
            ('        self.out_head = nn.Linear(cfg["emb_dim"], cfg["vocab_size"], bias=False)\n', ""),
            ("self.out_head(x)", "x @ self.tok_emb.weight.T"),
        )
        document = cli("check", f"{write(tmp_path, source)}:GPTModel", *small, "--json").json
        assert (document["ok"], document["config"]["weight_tying"]) == (True, True)

    def test_too_large_for_this_machine(self, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gptcli.model.device.free_bytes", lambda _device: 2**20)
        outcome = cli("check", plant(tmp_path, "lecture"), "-c", "tiny")
        assert (outcome.code, outcome.out) == (1, "")
        assert "tiny twice in double precision needs 100." in outcome.err
        assert cli("check", plant(tmp_path, "lecture"), "-c", "tiny", "--force").code == 0


PARAMETERS = {
    "missing bias": (
        [("self.out_proj = nn.Linear(width, width)", "self.out_proj = nn.Linear(width, width, bias=False)")],
        "missing",
        "trf_blocks.0.att.out_proj.bias",
        "missing: a model of this config",
    ),
    "renamed": (
        [("final_norm", "final_normal")],
        "missing",
        "final_norm.scale",
        "(did you mean 'final_normal.scale'?)",
    ),
    "qkv bias": (
        [('self.W_key = nn.Linear(width, width, bias=cfg["qkv_bias"])', "self.W_key = nn.Linear(width, width)")],
        "unexpected",
        "trf_blocks.0.att.W_key.bias",
        "the config says qkv_bias: false",
    ),
    "narrow": ([("4 *", "2 *")], "misshaped", "trf_blocks.0.ff.layers.0.weight", "shape [48, 24], expected [96, 24]"),
    "one layer": ([('range(cfg["n_layers"])', "range(1)")], "missing", "trf_blocks.1", "block 1 of 2 is missing"),
    "vocabulary": ([('cfg["vocab_size"]', "99")], "vocabulary", "tok_emb.weight", "99 rows, the config says"),
    "shared blocks": (
        [('*[TransformerBlock(cfg) for _ in range(cfg["n_layers"])]', "*[TransformerBlock(cfg)] * 2")],
        "shared",
        "trf_blocks.1.att.W_query.weight",
        "is the same tensor as trf_blocks.0.att.W_query.weight",
    ),
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_parameters_that_do_not_fit_are_named_first(cli: Cli, tmp_path: Path, small: list[str], case: str) -> None:
    pairs, kind, path, told = PARAMETERS[case]
    target = f"{write(tmp_path, swapped(LECTURE, *pairs, (_MASKED, '')))}:GPTModel"  # a later mistake changes nothing
    outcome = cli("check", target, *small, "--json")
    assert outcome.code == 1, outcome.err
    found = outcome.json["first_divergence"]
    assert (found["kind"], found["path"]) == (kind, path)
    assert told in found["hint"]
    assert (outcome.json["steps"], outcome.json["looks_ahead"]) == ([], True)
    screen = cli("check", target, *small).out
    assert f"Its parameters do not fit, first of all {path}" in " ".join(screen.split())


_MASKED = "        scores = scores.masked_fill(self.mask.bool()[:t, :t], -torch.inf)\n"


def test_a_parameter_of_its_own_that_changes_nothing_is_a_warning(cli: Cli, tmp_path: Path, small: list[str]) -> None:
    source = swapped(
        LECTURE, ("        self.tok_emb =", "        self.spare = nn.Linear(2, 2)\n        self.tok_emb =")
    )
    document = cli("check", f"{write(tmp_path, source)}:GPTModel", *small, "--json").json
    assert document["ok"] is True
    assert [(each["severity"], each["path"]) for each in document["findings"]] == [
        ("warning", "spare.weight"),
        ("warning", "spare.bias"),
    ]  # and not once more for the gradient that they do not get


def _forward(line: str) -> str:
    return swapped(LECTURE, ("        return self.out_head(x)\n", f"        {line}\n"))


HEAD_LINES = LECTURE[: LECTURE.index("        return self.out_head(x)")].count("\n") + 1

MAKE = f"def make():\n    return GPTModel({dict(SIZES, qkv_bias=False)})\n"

# Source, name in it, what is told.
BROKEN = {
    "syntax": ("import torch\ndef broken(:\n", "make", "my_gpt.py:2: SyntaxError: "),
    "import": ("import torch\nimport nowhere_at_all\n", "make", "my_gpt.py:2: ModuleNotFoundError: No module named"),
    "raises": ("x = 1\n\ny = 1 / 0\n", "make", "my_gpt.py:3: ZeroDivisionError: division by zero (while it was"),
    "exits": ("import sys\nsys.exit(3)\n", "make", "my_gpt.py:2: ends the program (SystemExit) while it was loaded"),
    "no such name": (LECTURE, "GPTModl", "no class or function 'GPTModl' (did you mean 'GPTModel'?)"),
    "nothing like it": ("def make(): pass\n", "Zzz", "no class or function 'Zzz'; it has make"),
    "empty": ("", "make", "no class or function 'make'; it defines no class or function"),
    "a dictionary": ("CFG = {}\n", "CFG", "my_gpt.py:CFG: is a dict, not a class or a function"),
    "raises when it is made": (
        "from torch import nn\nclass GPT(nn.Module):\n    def __init__(self):\n        super().__init__(3)\n",
        "GPT",
        "my_gpt.py:4: TypeError: ",
    ),
    "another key": (
        "from torch import nn\nclass GPT(nn.Module):\n    def __init__(self, cfg):\n        cfg['zeta']\n",
        "GPT",
        "my_gpt.py:4: KeyError: 'zeta' (while GPT was called with the lecture's dictionary, whose",
    ),
    "wants arguments": ("def make(size):\n    pass\n", "make", "my_gpt.py:1: TypeError: make() missing 1 required"),
    "returns no model": ("def make():\n    return {}\n", "make", "my_gpt.py:make: gives a dict, not a torch.nn.Module"),
    "no parameters": ("from torch import nn\ndef make():\n    return nn.ReLU()\n", "make", "has no parameters"),
    "unknown names": (
        "from torch import nn\ndef make():\n    return nn.Linear(2, 2)\n",
        "make",
        "none of its 2 parameters has a name that is known here: weight, bias",
    ),
    "no table": (swapped(LECTURE, ("pos_emb", "places")) + MAKE, "make",
                 "without a positional embedding the model's sizes cannot be read off"),
    "forward raises": (_forward("raise ValueError('why\\nnot')"), "GPTModel",
                       f"my_gpt.py:{HEAD_LINES}: ValueError: why (while it ran on 2 x 8 token ids)"),
    "wrong matrix": (_forward("return x @ x"), "GPTModel", f"my_gpt.py:{HEAD_LINES}: RuntimeError: "),
    "returns nothing": (_forward("pass"), "GPTModel", "its forward returns None, not the logits"),
    "returns a number": (_forward("return 3, 4"), "GPTModel", "its forward returns a tuple, not the logits"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_with_a_file_is_told_in_one_line_with_its_place(
    cli: Cli, tmp_path: Path, small: list[str], case: str
) -> None:
    source, name, told = BROKEN[case]
    options = [] if name == "make" else small
    outcome = cli("check", f"{write(tmp_path, source)}:{name}", *options, "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {tmp_path}/my_gpt.py")
    assert told in outcome.err
    assert outcome.err.count("\n") == 1


def test_the_line_of_a_neighbour_is_told_as_its_own(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, "x = 1\nraise OSError(5, 'broken')\n", "helper.py")
    outcome = cli("check", f"{write(tmp_path, 'import helper')}:make")
    assert f"error: {tmp_path}/helper.py:2: OSError: [Errno 5] broken" in outcome.err


@pytest.mark.parametrize(("target", "told"), [
    ("{folder}/my_gpt.py", "says no class or function; name one after the file, as in my_gpt.py:GPTModel"),
    ("{folder}/my_gpt.py:", "is not FILE:NAME"),
    (":GPTModel", "is not FILE:NAME"),
    ("{folder}/my_gpt.py:a.b", "is not FILE:NAME"),
    ("{folder}/my_gtp.py:GPTModel", "my_gtp.py: no such file (did you mean '{folder}/my_gpt.py'?)"),
    ("/nowhere/x.py:GPTModel", "/nowhere/x.py: no such file\n"),
    ("{folder}:GPTModel", "is a directory"),
    ("{folder}/book.ipynb:GPTModel", "is a notebook; export it first"),
    ("{folder}/notes.txt:GPTModel", "is no Python file"),
    ("\x00.py:GPTModel", "error: \\x00.py: no such file"),
])  # fmt: skip
def test_targets_that_cannot_be(cli: Cli, tmp_path: Path, target: str, told: str) -> None:
    write(tmp_path, LECTURE)
    write(tmp_path, "x", "notes.txt")
    outcome = cli("check", target.format(folder=tmp_path))
    assert (outcome.code, outcome.out) == (2, "")
    assert told.format(folder=tmp_path) in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_traceback_only_on_demand(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTCLI_DEBUG", "")
    target = f"{write(tmp_path, 'x = 1 / 0')}:make"
    assert "Traceback" not in cli("check", target).err
    assert "x = 1 / 0" in cli("check", target, "--debug").err


OUTPUTS = {
    "tuple": "return self.out_head(x), None",
    "list": "return [None, self.out_head(x)]",
    "dictionary": "return {'loss': None, 'logits': self.out_head(x)}",
    "object": "import types; return types.SimpleNamespace(logits=self.out_head(x))",
    "last position": "return self.out_head(x[:, -1:])",
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_logits_are_found_in_what_a_network_returns(cli: Cli, tmp_path: Path, small: list[str], case: str) -> None:
    outcome = cli("check", f"{write(tmp_path, _forward(OUTPUTS[case]))}:GPTModel", *small)
    assert outcome.code == 0, outcome.out


def test_a_head_that_is_not_applied(cli: Cli, tmp_path: Path, small: list[str]) -> None:
    document = cli("check", f"{write(tmp_path, _forward('return x'))}:GPTModel", *small, "--json").json
    found = document["first_divergence"]
    assert (found["path"], found["kind"]) == ("logits", "shape")
    assert "apply the head" in found["hint"]
    assert (found["expected"]["shape"], found["found"]["shape"]) == ([2, 8, 61], [2, 8, 24])


def test_numbers_that_are_none_are_null(cli: Cli, tmp_path: Path, small: list[str]) -> None:
    found = cli("check", plant(tmp_path, "lecture", "diagonal-masked"), *small, "--json").json["first_divergence"]
    assert found["difference"] is None
    assert None in [number for row in found["found"]["values"] for number in row]


@pytest.mark.parametrize("pair", [
    ("tokens + positions", "(tokens + positions).float()"),
    ("self.out_head(x)", "self.out_head(x.float())"),  # which raises while the head is in double precision
])  # fmt: skip
def test_code_that_insists_on_single_precision_runs_in_it(
    cli: Cli, tmp_path: Path, small: list[str], pair: tuple[str, str]
) -> None:
    right = cli("check", f"{write(tmp_path, swapped(LECTURE, pair))}:GPTModel", *small, "--json").json
    assert (right["ok"], right["dtype"]) == (True, "fp32")
    scaled = swapped(LECTURE, pair, ("scores / self.head_dim**0.5", "scores"))
    wrong = cli("check", f"{write(tmp_path, scaled)}:GPTModel", *small, "--json").json
    assert wrong["first_divergence"]["mistakes"] == ["no-scale"]


def test_a_model_that_is_there_already(cli: Cli, tmp_path: Path) -> None:
    source = LECTURE + f"\nmodel = GPTModel({dict(SIZES, qkv_bias=True)})\n"
    document = cli("check", f"{write(tmp_path, source)}:model", "--json").json
    assert (document["ok"], document["config"]["qkv_bias"], document["config"]["n_heads"]) == (True, True, 4)


def test_a_model_of_transformers(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    source = """
import torch, transformers
def make():
    config = transformers.GPT2Config(vocab_size=61, n_positions=16, n_embd=24, n_head=3, n_layer=2)
    return transformers.GPT2LMHeadModel(config)
"""
    document = cli("check", f"{write(tmp_path, source)}:make", "--json").json
    assert (document["ok"], document["layout"], document["config"]["n_heads"]) == (True, "huggingface", 3)


class TestNotFinite:
    """NaN and infinity are never the network it should be, though ours computes the same from the same weights."""

    def check(self, cli: Cli, folder: Path, small: list[str], *pairs: tuple[str, str], code: int = 1) -> Any:
        outcome = cli("check", f"{write(folder, swapped(LECTURE, *pairs))}:GPTModel", *small, "--json")
        assert (outcome.code, outcome.json["ok"]) == (code, code == 0), outcome.err
        return outcome.json

    @staticmethod
    def after_building(statement: str) -> tuple[str, str]:
        head = 'self.out_head = nn.Linear(cfg["emb_dim"], cfg["vocab_size"], bias=False)\n'
        return head, f"{head}        with torch.no_grad(): {statement}\n"

    @pytest.mark.parametrize("value", ["math.nan", "math.inf", "-math.inf"])
    def test_everywhere(self, cli: Cli, tmp_path: Path, small: list[str], value: str) -> None:
        document = self.check(
            cli, tmp_path, small, self.after_building(f"[p.fill_({value}) for p in self.parameters()]")
        )
        found = document["first_divergence"]
        assert (found["kind"], found["path"]) == ("not-finite", "wte")
        assert "tok_emb.weight holds NaN or infinity in 1,464 of 1,464 numbers; so do" in found["hint"]
        assert document["steps"][0]["ok"] is False

    def test_from_one_step_on(self, cli: Cli, tmp_path: Path, small: list[str]) -> None:
        document = self.check(
            cli, tmp_path, small, self.after_building("self.trf_blocks[1].ff.layers[2].weight[3, 4] = math.nan")
        )
        found = document["first_divergence"]
        assert (found["kind"], found["path"]) == ("not-finite", "h.1.mlp.c_proj")
        assert found["hint"].startswith("trf_blocks.1.ff.layers.2.weight holds NaN or infinity in 1 of")
        wrong = [step["path"] for step in document["steps"] if not step["ok"]]
        assert wrong[0] == "h.1.mlp.c_proj"
        assert wrong[-1] == "logits"

    def test_where_these_ids_do_not_look(self, cli: Cli, tmp_path: Path, small: list[str]) -> None:
        pair = self.after_building("self.pos_emb.weight[-1, 0] = math.nan")
        document = self.check(cli, tmp_path, small, pair)
        found = document["first_divergence"]
        assert (found["kind"], found["path"], found["label"]) == ("not-finite", "pos_emb.weight", "Parameter")
        assert all(step["ok"] for step in document["steps"])
        screen = cli("check", f"{write(tmp_path, swapped(LECTURE, pair))}:GPTModel", *small)
        assert "pos_emb.weight holds NaN or infinity, though no step of this run shows it." in screen.out
        assert "this is the network of the config" not in screen.out

    def test_numbers_that_overflow(self, cli: Cli, tmp_path: Path, small: list[str]) -> None:
        document = self.check(cli, tmp_path, small, self.after_building("self.out_head.weight.fill_(1e308)"))
        found = document["first_divergence"]
        assert (found["kind"], found["path"]) == ("not-finite", "lm_head")
        assert found["hint"] == "its numbers overflow, or come of 0/0"
        screen = cli("check", f"{tmp_path}/my_gpt.py:GPTModel", *small).out
        assert "First departs: Output head lm_head gives NaN or infinity." in screen

    def test_other_mistakes_behind_it(self, cli: Cli, tmp_path: Path, small: list[str]) -> None:
        self.check(cli, tmp_path, small, self.after_building("[p.fill_(math.nan) for p in self.parameters()]"),
                   (_MASKED, ""))  # fmt: skip


class TestProbe:
    """What only fp32 or a backward pass shows."""

    @staticmethod
    def returning(expression: str) -> str:
        source = swapped(LECTURE, ("        return self.out_head(x)\n", f"        return {expression}\n"))
        return source + _NAN_GRADIENT

    @pytest.mark.parametrize(
        ("expression", "label"),
        [
            ("self.out_head(x * 1e30 * 1e30 / 1e30 / 1e30)", "Logits"),
            ("self.out_head(x if x.dtype == torch.float64 else x / 0)", "Logits"),
            ("NanGradient.apply(self.out_head(x))", "Gradient"),
        ],
    )
    def test_numbers_that_are_none(
        self, cli: Cli, tmp_path: Path, small: list[str], expression: str, label: str
    ) -> None:
        target = f"{write(tmp_path, self.returning(expression))}:GPTModel"
        outcome = cli("check", target, *small, "--json")
        assert (outcome.code, outcome.json["ok"]) == (1, False), outcome.err
        found = outcome.json["first_divergence"]
        assert (found["label"], found["kind"]) == (label, "not-finite")
        assert all(step["ok"] for step in outcome.json["steps"])
        assert "this is the network of the config" not in cli("check", target, *small).out

    @pytest.mark.parametrize(
        ("expression", "path", "told"),
        [
            ("self.out_head(x).detach()", "", "gives logits without a gradient"),
            ("self.out_head(x.detach())", "tok_emb.weight", "gets no gradient, so training leaves it as it is; nor do"),
            ("Failing.apply(self.out_head(x))", "", "cannot be trained: "),
        ],
    )
    def test_no_gradient_is_a_warning(
        self, cli: Cli, tmp_path: Path, small: list[str], expression: str, path: str, told: str
    ) -> None:
        outcome = cli("check", f"{write(tmp_path, self.returning(expression))}:GPTModel", *small, "--json")
        assert (outcome.code, outcome.json["ok"]) == (0, True), outcome.err
        finding = next(each for each in outcome.json["findings"] if each["kind"] == "no-gradient")
        assert (finding["severity"], finding["path"]) == ("warning", path)
        assert told in finding["message"]


_NAN_GRADIENT = """

class NanGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g * math.nan


class Failing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        raise ValueError("no such thing")
"""


# What a file does, and what is told: nothing of it may count as a verdict.
ENDINGS = {
    "os._exit(0)": ("ended the program with exit code 0 while it was loaded, as os._exit does", 2),
    "os._exit(3)": ("ended the program with exit code 3 while it was loaded", 2),
    "sys.exit(0)": ("ends the program (SystemExit) while it was loaded", 2),
    "__import__('faulthandler').disable(), os.kill(os.getpid(), 11)": ("crashed with SIGSEGV while it was loaded", 2),
    "os.kill(os.getpid(), 15)": ("crashed with SIGTERM while it was loaded", 2),
    "os.kill(os.getpid(), 9)": ("was killed, as the system does when memory runs out while it was loaded", 1),
    "os.closerange(3, 99)": ("ended the program with exit code 1", 2),
    "raise GeneratorExit": ("GeneratorExit (while it was loaded)", 2),
    "raise KeyboardInterrupt": ("KeyboardInterrupt (while it was loaded)", 2),
    "raise BaseExceptionGroup('a', [KeyboardInterrupt()])": ("BaseExceptionGroup: a (1 sub-exception)", 2),
    "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})": ("my_gpt.py:2: E (while it was loaded)", 2),
    "__getattr__ = lambda name: {}[name]": ("KeyError: 'make' (while make was looked up)", 2),
    "while True: pass": ("did not finish within 1 s, the time limit while it was loaded; --time-limit sets another", 2),
}


@pytest.mark.parametrize("statement", ENDINGS)
def test_no_end_of_a_file_is_a_verdict(cli: Cli, tmp_path: Path, statement: str) -> None:
    told, code = ENDINGS[statement]
    limit = ["--time-limit", "1"] if "while" in statement else []
    outcome = cli("check", f"{write(tmp_path, f'import os, sys{chr(10)}{statement}')}:make", *limit)
    assert (outcome.code, outcome.out) == (code, "")
    assert told in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("place", ["built", "run"])
def test_an_exit_later_is_none_either(cli: Cli, tmp_path: Path, small: list[str], place: str) -> None:
    line = "tokens = " if place == "run" else "self.tok_emb = "
    source = swapped(LECTURE, (f"        {line}", f"        import os; os._exit(0)\n        {line}"))
    outcome = cli("check", f"{write(tmp_path, source)}:GPTModel", *small)
    assert (outcome.code, outcome.out) == (2, "")
    doing = "while it ran on 2 x 8 token ids" if place == "run" else "while GPTModel was called"
    assert f"ended the program with exit code 0 {doing}" in outcome.err


@pytest.mark.parametrize("statement", ["sys.stdout.close()", "sys.stdout = None", "sys.stdout = sys.stderr = None",
                                       "sys.setrecursionlimit(90)", "os.close(1)"])  # fmt: skip
def test_what_a_file_does_to_its_process_does_not_reach_the_verdict(
    cli: Cli, tmp_path: Path, small: list[str], statement: str
) -> None:
    source = swapped(LECTURE, ("import math\n", f"import math, os, sys\n{statement}\n"))
    outcome = cli("check", f"{write(tmp_path, source)}:GPTModel", *small, "--json")
    assert outcome.code == (0 if "recursion" not in statement else outcome.code)
    assert outcome.code != 0 or outcome.json["ok"]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("print('epoch 1', end=''); raise ValueError('no')", "epoch 1\nerror: "),
        ("print('epoch 1', end='', flush=True); os._exit(0)", "epoch 1\nerror: "),
        ("sys.stderr.writelines(['epoch', ' 1']); os.kill(os.getpid(), 9)", "epoch 1\nerror: "),
        ("print('epoch 1'); raise ValueError('no')", "epoch 1\nerror: "),
    ],
)
def test_an_error_begins_a_line(tmp_path: Path, statement: str, told: str) -> None:
    write(tmp_path, f"import os, sys\n{statement}\n")
    assert gptcli_process("check", "my_gpt.py:GPTModel", "-c", "tiny", cwd=tmp_path).stderr.startswith(told)


ODD_LOGITS = {
    "x.sum()": "a tensor of shape []",
    "x[:0]": "a tensor of shape [0, 8, 24]",
    "x.to_sparse()": "a tensor in layout torch.sparse_coo",
    "x.to('meta')": "a tensor on device meta",
}


@pytest.mark.parametrize("returned", ODD_LOGITS)
def test_tensors_that_are_no_logits(cli: Cli, tmp_path: Path, small: list[str], returned: str) -> None:
    outcome = cli("check", f"{write(tmp_path, _forward(f'return {returned}'))}:GPTModel", *small)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"its forward returns {ODD_LOGITS[returned]}, not the logits" in outcome.err


class TestGuest:
    """What running somebody's file leaves behind: nothing."""

    def test_prints_go_to_stderr(self, cli: Cli, tmp_path: Path, small: list[str]) -> None:
        source = swapped(
            LECTURE,
            ("import math\n", "import math, os\nprint('loading')\nos.system('echo from below')\n"),
            ("        tokens = ", "        print('running')\n        tokens = "),
        )
        outcome = cli("check", f"{write(tmp_path, source)}:GPTModel", *small, "--json")
        assert outcome.out.count("\n") == 1
        assert json.loads(outcome.out)["ok"] is True
        assert {"loading", "from below", "running"} <= set(outcome.err.splitlines())

    def test_neighbours_can_be_imported_and_are_forgotten(self, cli: Cli, tmp_path: Path, small: list[str]) -> None:
        write(tmp_path, "RIGHT = 1", "tabnanny.py")  # a name of the standard library's that nothing here imports
        (tmp_path / "parts").mkdir()
        write(tmp_path / "parts", "from parts.more import EPS", "__init__.py")
        write(tmp_path / "parts", "EPS = 1e-5", "more.py")
        paths, modules = list(sys.path), dict(sys.modules)
        source = swapped(
            LECTURE,
            ("import math\n", "import math\nimport sys\nimport parts\nimport tabnanny\nassert tabnanny.RIGHT\n"),
            ("self.eps = 1e-5", "self.eps = parts.EPS"),
            (
                "        tokens = ",
                "        from parts import more\n        sys.modules['json'] = more\n        tokens = ",
            ),
        )
        outcome = cli("check", f"{write(tmp_path, source)}:GPTModel", *small)
        assert outcome.code == 0, outcome.err
        assert sys.path == paths
        assert not {"parts", "parts.more", "tabnanny", "my_gpt"} & sys.modules.keys()
        assert sys.modules["json"] is modules["json"] is json
        assert not list(tmp_path.rglob("__pycache__"))
        import tabnanny

        assert Path(tabnanny.__file__).parent != tmp_path

    def test_nothing_is_left_when_it_fails(self, cli: Cli, tmp_path: Path) -> None:
        paths, dtype = list(sys.path), torch.get_default_dtype()
        source = "import torch\ntorch.set_default_dtype(torch.float16)\nimport torch.nn.functional as F\n1 / 0\n"
        assert cli("check", f"{write(tmp_path, source)}:make").code == 2
        assert (sys.path, torch.get_default_dtype()) == (paths, dtype)

    def test_a_dataclass_and_a_name_that_is_taken(self, cli: Cli, tmp_path: Path) -> None:
        source = swapped(NANOGPT, ("import math\n", "from __future__ import annotations\nimport math\n"))
        assert cli("check", f"{write(tmp_path, source, 'torch.py')}:make").code == 0
        assert not hasattr(sys.modules["torch"], "GPTConfig")


def test_a_process_of_its_own_with_a_relative_path(tmp_path: Path) -> None:
    plant(tmp_path, "nanogpt", "relu")
    done = gptcli_process("check", "my_nanogpt.py:make", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["first_divergence"]["mistakes"] == ["relu"]
    raised = gptcli_process("check", "my_nanogpt.py:nope", cwd=tmp_path)
    assert (raised.returncode, raised.stdout) == (2, "")
    assert raised.stderr.startswith("error: my_nanogpt.py: no class or function 'nope'; it has ")
