"""Help screens at 80 x 24: what is used most is on the first of them, and nothing is longer than it need be."""

import re
from pathlib import Path

import pytest
import typer

from gptcli.cli import app
from gptcli.commands._app import Command
from tests.conftest import Cli
from tools.docs import command_paths

SCREEN_LINES = 24
LONGEST = {"forward": 48, "trace": 60}
NARROWEST_TEXT = 40
COMMANDS = {" ".join(path): path for path in command_paths()}
_OPTION = re.compile(r"  (?:-\w, |    )--[\w-]+")
# A term of a list, an option or a command, up to where its text begins on the same line.
_BEFORE_TEXT = re.compile(r"  (?:    )?\S(?:.*?\S)?? {2,}(?=\S)")


def found(path: list[str]) -> typer.core.TyperCommand:
    root = typer.main.get_command(app)
    context = typer.Context(root)
    command = root
    for name in path:
        command = command.get_command(context, name)  # type: ignore[attr-defined]
    return command  # type: ignore[return-value]


@pytest.fixture
def lines(cli: Cli, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[str]:
    monkeypatch.setenv("COLUMNS", "80")
    outcome = cli(*request.param, "-h")
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out.splitlines()


every = pytest.mark.parametrize("lines", [[], *COMMANDS.values()], ids=["", *COMMANDS], indirect=True)
commands = pytest.mark.parametrize(
    ("path", "lines"),
    [(path, path) for path in COMMANDS.values() if isinstance(found(path), Command)],
    ids=" ".join,
    indirect=["lines"],
)


@every
def test_the_first_screen_holds_usage_and_two_examples(lines: list[str]) -> None:
    first = lines[:SCREEN_LINES]
    assert first[0].startswith("Usage: gptcli")
    assert sum(line.startswith("  $ gptcli ") for line in first) >= 2


@commands
def test_the_first_screen_holds_the_commonest_options(path: list[str], lines: list[str]) -> None:
    command = found(path)
    assert isinstance(command, Command)
    options = [each for each in command.params if each.param_type_name == "option"]
    own = [each for each in options if each.name not in ("no_color", "debug")]
    assert min(len(own), 5) - len(command.common) <= 1, "a command names its five commonest options, or all it has"
    shown = [line for line in lines[:SCREEN_LINES] if _OPTION.match(line)]
    assert all(any(name in line for line in shown) for name in command.common)
    firsts = [next(name for name in re.split("[ ,/]+", line) if name.startswith("--")) for line in shown]
    assert tuple(firsts[: len(command.common)]) == command.common, "the first options are these, in this order"


@commands
def test_every_option_has_its_line(path: list[str], lines: list[str]) -> None:
    for parameter in found(path).params:
        if parameter.param_type_name == "option" and parameter.name not in ("no_color", "debug"):
            assert any(_OPTION.match(line) and max(parameter.opts, key=len) in line for line in lines), parameter.name


@every
def test_help_is_short(lines: list[str], request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id
    assert len(lines) <= LONGEST.get(name, 60)
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)
    assert not any(re.search(r"\[[^]]*[\d,]{7,}", line) for line in lines)  # a range of large numbers says nothing


@every
def test_the_text_of_options_has_room(lines: list[str]) -> None:
    starts = [match.end() for line in lines if (match := _BEFORE_TEXT.match(line))]
    assert starts, "every screen lists options or commands"
    assert all(80 - start >= NARROWEST_TEXT for start in starts)


def test_a_narrow_screen_puts_the_text_below(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = cli("forward", "-h").out
    assert "  -w, --weights PATH|NAME\n    A checkpoint:" in out


@pytest.mark.parametrize("columns", ["", "0", "wide", "-1"])
def test_a_width_that_is_none_is_none(cli: Cli, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    expected = cli("params", "-h").out, cli("compare", "gpt2", "gpt2-xl").out, cli("params").out
    monkeypatch.setenv("COLUMNS", columns)
    assert (cli("params", "-h").out, cli("compare", "gpt2", "gpt2-xl").out, cli("params").out) == expected


def test_help_in_a_pipe_has_the_width_of_a_page(cli: Cli) -> None:
    assert max(map(len, cli("trace", "-h").out.splitlines())) <= 80


def test_colour_is_left_out_where_it_is_asked_for_beside_help(cli: Cli) -> None:
    assert "\x1b" not in cli("params", "-h", "--no-color").out


WRONG = [
    (["--nope"], "--nope: no such option of 'gptcli'; WAY_OUT"),
    (["params", "--depht", "3"], "--depht: no such option of 'gptcli params' (did you mean '--depth'?); WAY_OUT"),
    (["tokenize", "-Z"], "-Z: no such option of 'gptcli tokenize'; WAY_OUT"),
    (
        ["config", "show", "--sett", "x=1"],
        "--sett: no such option of 'gptcli config show' (did you mean '--set'?); WAY_OUT",
    ),
    (["params", "--depth", "9"], "--depth: 9 is not from 1 to 4; WAY_OUT"),
    (["memory", "-t", "0"], "--seq-len: 0 is not from 1 on; WAY_OUT"),
    (["generate", "x", "--seed", "abc"], "--seed: 'abc' is not a whole number; WAY_OUT"),
    (["generate", "x", "--top-p", "abc"], "--top-p: 'abc' is not a number; WAY_OUT"),
    (
        ["forward", "x", "--attention", "sdpb"],
        "--attention: 'sdpb' is none of sdpa, explicit (did you mean 'sdpa'?); WAY_OUT",
    ),
    (["params", "gpt2"], "gptcli params: got unexpected extra arguments (gpt2) (did you mean '-c gpt2'?); WAY_OUT"),
    (["params", "a", "b"], "gptcli params: got unexpected extra arguments (a b); WAY_OUT"),
    (["check"], "gptcli check: FILE:NAME is missing; write it as in: gptcli check my_gpt.py:GPTModel"),
    (["compare"], "gptcli compare: A B [C...] is missing; write it as in: gptcli compare gpt2-124m gpt2"),
    (["fit"], "gptcli fit: --budget SIZE is missing; write it as in: gptcli fit --budget 24GiB --solve batch"),
    (
        ["checkpoint", "convert", "a", "b"],
        "gptcli checkpoint convert: --to LAYOUT is missing; "
        "write it as in: gptcli checkpoint convert ckpt.pt my_gpt --to huggingface",
    ),
    (["params", "-c"], "-c: needs a value, NAME|PATH|-; WAY_OUT"),
    (["params", "--json=3"], "--json: does not take a value; WAY_OUT"),
    (["paramz"], "gptcli: no such command 'paramz' (did you mean 'params'?); WAY_OUT"),
    (["config", "lst"], "gptcli config: no such command 'lst' (did you mean 'list'?); WAY_OUT"),
    (["config", "valdate", "x.yaml"], "gptcli config: no such command 'valdate' (did you mean 'validate'?); WAY_OUT"),
    (
        ["checkpoint", "convrt", "model.pth", "out.pt", "--to", "lecture"],
        "gptcli checkpoint: no such command 'convrt' (did you mean 'convert'?); WAY_OUT",
    ),
    (["checkpoint", "convrt"], "gptcli checkpoint: no such command 'convrt' (did you mean 'convert'?); WAY_OUT"),
    (
        ["checkpoint", "Inspekt", "model.pth"],
        "gptcli checkpoint: no such command 'Inspekt' (did you mean 'inspect'?); WAY_OUT",
    ),
    (["checkpoint", "show", "model.pth"], "gptcli checkpoint: no such command 'show'; WAY_OUT"),
    (["checkpoint", "merge", "a", "b"], "gptcli checkpoint: no such command 'merge'; WAY_OUT"),
    (["checkpoint", "a.pth", "b"], "gptcli checkpoint inspect: got unexpected extra arguments (b); WAY_OUT"),
    (["checkpoint", "gpt2", "b"], "gptcli checkpoint inspect: got unexpected extra arguments (b); WAY_OUT"),
    (
        ["checkpoint", "gpt2", "--stat"],
        "--stat: no such option of 'gptcli checkpoint inspect' (did you mean '--stats'?); WAY_OUT",
    ),
    (["\x1b[31mred"], "gptcli: no such command '\\x1b[31mred'; WAY_OUT"),
    (["config", "\x1b[31mred"], "gptcli config: no such command '\\x1b[31mred'; WAY_OUT"),
    (["params", "--\x1b[31mred"], "--\\x1b[31mred: no such option of 'gptcli params'; WAY_OUT"),
]


@pytest.mark.parametrize(("arguments", "told"), WRONG, ids=lambda value: " ".join(value)[:40] if value else None)
def test_wrong_usage_is_one_line_like_any_other_error(cli: Cli, arguments: list[str], told: str) -> None:
    outcome = cli(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert re.sub(r"'gptcli[ a-z]* -h' says what it takes", "WAY_OUT", outcome.err) == f"error: {told}\n"


def test_a_checkpoint_may_be_called_like_a_mistyped_command(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("convrt").mkdir()
    assert cli("checkpoint", "convrt", "b").err.startswith("error: gptcli checkpoint inspect: got unexpected")


@pytest.mark.parametrize(
    ("arguments", "command"), [(["--nope"], "gptcli"), (["config", "show", "--nope"], "gptcli config show")]
)
def test_the_way_out_works_when_typed(cli: Cli, arguments: list[str], command: str) -> None:
    assert cli(*arguments).err.endswith(f"; '{command} -h' says what it takes\n")
    assert cli(*command.split()[1:], "-h").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["forward", "x", "--attention", "\x1b[31m"],
        ["params", "\x1b[31m\x07"],
        ["params", "--depth", "\x1b[31m"],
        ["memory", "--mode", "\u202e\x9b31m"],
        ["params", "-\x1b"],
        ["params", "--json=\x1b[31m"],
    ],
)
def test_no_wrong_usage_controls_the_terminal(cli: Cli, arguments: list[str]) -> None:
    outcome = cli(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.removesuffix("\n").isprintable()
    assert outcome.err.startswith("error: ")


@pytest.mark.parametrize("group", [[], ["config"], ["checkpoint"]], ids=" ".join)
def test_a_group_without_a_command_shows_its_help_as_an_error(cli: Cli, group: list[str]) -> None:
    outcome = cli(*group)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == cli(*group, "-h").out


def test_the_traceback_of_wrong_usage_is_shown_on_demand(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTCLI_DEBUG", "1")
    outcome = cli("params", "--nope")
    assert (outcome.code, outcome.out) == (2, "")
    assert "Traceback" in outcome.err
    assert outcome.err.endswith("'gptcli params -h' says what it takes\n")
