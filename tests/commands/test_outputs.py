"""A file's ending is believed or refused, before any work and without a word on stdout."""

import os
import shlex
from pathlib import Path

import pytest
import typer

from gptcli.cli import app
from tests.conftest import Cli

DRAWINGS = "only as .svg, .html, .htm, .mmd, .mermaid or .txt"
# What is typed in a folder without any of these files -> what is said, and the way out that it names.
REFUSED = {
    "flow -o x.png": ("a drawing cannot be written as .png, " + DRAWINGS, "-o x.svg"),
    "flow -o x.jpg": ("cannot be written as .jpg", "-o x.svg"),
    "flow -o x.PDF": ("cannot be written as .PDF", "-o x.svg"),
    "flow -o x.dot": ("cannot be written as .dot", "-o x.svg"),
    "flow -o x.svg.gz": ("cannot be written as .gz", "-o x.svg\n"),
    "flow -o 'my map.png'": ("cannot be written as .png", "-o 'my map.svg'"),
    "flow --format mermaid -o x.svg": ("the format mermaid cannot be written as .svg, only as .mmd", "-o x.mmd"),
    "flow --format html -o x.txt": ("the format html cannot be written as .txt, only as .html or .htm", "-o x.html"),
    "forward x -c tiny --save out.pt": ("tensors cannot be written as .pt, only as .safetensors", "--save"),
    "forward x -c tiny --save out.npz": ("cannot be written as .npz", "--save out.safetensors"),
    "trace x -c tiny --save out.pth": ("cannot be written as .pth", "--save out.safetensors"),
    "trace x -c tiny --html t.pdf": ("a page cannot be written as .pdf, only as .html or .htm", "--html t.html"),
    "trace x -c tiny --html t.svg": ("cannot be written as .svg", "--html t.html"),
    "checkpoint convert ckpt.pt my.bin --to lecture": ("the layout lecture cannot be written as .bin", "my.safetens"),
    "checkpoint convert ckpt.pt my.pt --to gptcli": ("the layout gptcli cannot be written as .pt, only", "my.safeten"),
    "checkpoint convert ckpt.pt my.h5 --to nanogpt": ("only as .safetensors, .pt or .pth", "name it my.safetensors"),
    "checkpoint convert ckpt.pt my --to nanogpt": ("the name says no format", "end it in .safetensors or .pt"),
    "checkpoint convert ckpt.pt my.zip --to huggingface": ("transformers loads a directory", "without .zip"),
    "checkpoint convert ckpt.pt there --to huggingface": ("there: exists already", "name a new directory"),
    "checkpoint convert ckpt.pt no/my.pt --to lecture": ("no/my.pt: cannot be written: No such file", ""),
    "checkpoint convert ckpt.pt no/my --to huggingface": ("no/my: cannot be written: No such file", ""),
    "flow -o -": ("-: is a stream; name a file, or leave out -o and redirect with >", ""),
    "flow --format svg -o -": ("-: is a stream", "redirect with >"),
    "forward x -c tiny --save -": ("-: is a stream", "name a file\n"),
    "trace x -c tiny --html -": ("-: is a stream", "name a file\n"),
    "trace x -c tiny --save -": ("-: is a stream", "name a file\n"),
    "checkpoint convert ckpt.pt - --to lecture": ("-: is a stream", "name a file\n"),
    "checkpoint convert ckpt.pt - --to huggingface": ("-: is a stream", "name a new directory"),
    "flow -o /dev/null": ("/dev/null: is a device or a pipe", "name a regular file"),
    "forward x -c tiny --save /dev/fd/{pipe}": ("is a device or a pipe", "name a regular file"),
    "trace x -c tiny --html /dev/fd/{pipe}": ("is a device or a pipe", "name a regular file"),
    "flow --format svg -o /proc/self/fd/{pipe}": ("is a device or a pipe", "name a regular file"),
    "checkpoint convert ckpt.pt /dev/fd/{pipe} --to lecture": ("is a device or a pipe", "name a regular file"),
    "checkpoint convert ckpt.pt /dev/fd/{pipe} --to huggingface": ("exists already", "name a new directory"),
    "flow -o ''": ("no name given for the output file", "use -o out.svg"),
    "flow --format html -o ''": ("no name given for the output file", "use -o out.html"),
    "trace x -c tiny --html ''": ("no name given for the output file", "use --html out.html"),
    "checkpoint convert ckpt.pt '' --to lecture": ("no name given for the output file", "name it out.safetensors"),
    "checkpoint convert ckpt.pt my.pt/ --to lecture": ("my.pt/: names a directory", "name a file in it"),
    "checkpoint convert ckpt.pt my.pt/. --to lecture": ("my.pt/.: names a directory", "name a file in it"),
    "flow -o map.svg/": ("map.svg/: names a directory", "name a file in it"),
    "flow -o .svg": (".svg: is an ending without a name", "use -o out.svg"),
    "flow -o there/.HTML": ("there/.HTML: is an ending without a name", "use -o there/out.html"),
    "forward x -c tiny --save .safetensors": ("is an ending without a name", "use --save out.safetensors"),
    "trace x -c tiny --html .html": ("is an ending without a name", "use --html out.html"),
    "checkpoint convert ckpt.pt .pt --to lecture": ("is an ending without a name", "name it out.pt"),
    "flow -o map": ("map: the name says no format", "or add --format"),
}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()


@pytest.mark.parametrize("typed", REFUSED)
def test_a_name_that_says_something_else_is_refused(typed: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("work before the refusal")

    for work in ("analysis.flow.flow_report", "api.inputs.inputs_of", "api.weights.load_weights"):
        monkeypatch.setattr(f"gptcli.{work}", never)
    reading, writing = os.pipe()
    try:
        outcome = cli(*shlex.split(typed.format(pipe=writing)))
    finally:
        os.close(reading)
        os.close(writing)
    told, way_out = REFUSED[typed]
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err
    assert way_out in outcome.err
    assert [path.name for path in Path().iterdir()] == ["there"]


@pytest.mark.parametrize(
    ("typed", "begins"),
    [
        ("flow -c tiny -o x.SVG", b"<svg"),
        ("flow -c tiny -o x.htm", b"<!DOCTYPE html>"),
        ("flow -c tiny -o x.mermaid", b"%% tiny: "),
        ("flow -c tiny -o x --format svg", b"<svg"),
        ("flow -c tiny -o .x --format text", b"tiny  3 layers"),
        ("forward x -c tiny --save x", b""),
        ("forward x -c tiny --save x.SafeTensors", b""),
    ],
)
def test_a_name_that_says_what_is_written_or_nothing_is_taken(typed: str, begins: bytes, cli: Cli) -> None:
    assert cli(*shlex.split(typed)).code == 0
    written = next(path for path in Path().iterdir() if path.is_file())
    assert written.read_bytes().startswith(begins)
    assert len(written.read_bytes()) > 1000


def test_every_option_that_names_an_output_is_among_these() -> None:
    """A new one needs a row in ``REFUSED``."""
    root = typer.main.get_command(app)
    context = typer.Context(root)
    tried = {(typed.split()[0], word) for typed in REFUSED for word in typed.split() if word.startswith("-")}
    for name in root.list_commands(context):  # type: ignore[attr-defined]
        command = root.get_command(context, name)  # type: ignore[attr-defined]
        for option in command.params:
            if (option.help or "").startswith("Write"):
                assert tried & {(name, flag) for flag in option.opts}, (name, option.opts)
