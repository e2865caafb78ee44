"""Output files: whole or not there, through links, and nothing but files."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gptcli
from gptcli.errors import GptcliError, InputError
from gptcli.files import WriteError, expect_outputs, kept_apart, new_directory, open_input, read_stdin, replaced_file


def write(target: Path, content: bytes = b"new") -> None:
    with replaced_file(str(target)) as temporary:
        temporary.write_bytes(content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_has_the_permissions_of_the_umask_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    target = tmp_path / "x"
    previous = os.umask(0o027)
    try:
        write(target)
    finally:
        os.umask(previous)
    assert target.stat().st_mode & 0o777 == 0o640
    target.chmod(0o600)
    write(target, b"newer")
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"newer", 0o600)


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_its_target_is_written(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "file", tmp_path / "link"
    link.symlink_to(real)
    if exists:
        real.write_bytes(b"old")
    write(link)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert names(real.parent) == ["file"]


def test_a_name_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    write(tmp_path / ("x" * 250))
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        write(tmp_path / ("x" * 300))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    pipe, loop = tmp_path / "pipe", tmp_path / "loop"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    for target, told in [
        (pipe, "is a device or a pipe"),
        (Path("/dev/null"), "is a device or a pipe"),
        (loop, "link that leads back"),
        (tmp_path, "is a directory"),
        (tmp_path / "no" / "x", "cannot be written: No such file"),
        (tmp_path / "\0", "cannot be written: "),
    ]:
        with pytest.raises(InputError, match=told):
            write(target)
    with pytest.raises(InputError, match="no name given"), replaced_file(""):
        pass
    assert names(tmp_path) == ["loop", "pipe"]
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("target", "folder"),
    [
        ("new/deep/x", "new/deep"),
        ("dangling", "nowhere"),
        ("there/dangling", "there/nowhere"),
        ("twice", "there/nowhere"),
        ("gone/x", "{here}/away"),
        ("gone/deep/x", "{here}/away/deep"),
    ],
)
def test_the_folder_to_make_is_the_one_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    Path("dangling").symlink_to("nowhere/x")
    Path("there/dangling").symlink_to("nowhere/x")
    Path("twice").symlink_to("there/dangling")
    Path("gone").symlink_to("away")
    with pytest.raises(InputError) as caught:
        write(Path(target))
    missing = folder.format(here=tmp_path)
    assert str(caught.value).endswith(f"No such file or directory; make its folder with: mkdir -p {missing}")
    Path(missing).mkdir(parents=True)
    write(Path(target))
    assert Path(target).read_bytes() == b"new"


def test_a_failed_write_names_the_target_and_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")
    with pytest.raises(GptcliError, match="x: cannot be written: disk full") as caught, replaced_file(str(target)):
        raise WriteError("disk full")
    assert caught.value.exit_code == 1
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["x"]


def test_a_target_that_cannot_be_replaced_any_more(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with pytest.raises(GptcliError, match="x: cannot be written") as caught, replaced_file(str(target)):
        target.mkdir()  # somebody was quicker
    assert caught.value.exit_code == 1
    assert names(tmp_path) == ["x"]


class TestKeptApart:
    """An output that is also an input, or another output, is refused, whatever it is called."""

    @pytest.fixture(autouse=True)
    def _one_run(self) -> Iterator[None]:
        with kept_apart():
            yield

    @pytest.mark.parametrize("way", ["itself", "another spelling", "symbolic link", "hard link", "folder's link"])
    @pytest.mark.parametrize("expected", [True, False])
    def test_an_output_that_is_an_input(self, tmp_path: Path, way: str, expected: bool) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        source = folder / "text"
        source.write_bytes(b"old")
        target = tmp_path / "other"
        if way == "symbolic link":
            target.symlink_to(source)
        elif way == "hard link":
            target.hardlink_to(source)
        elif way == "folder's link":
            target.symlink_to(folder)
            target /= "text"
        else:
            target = source if way == "itself" else tmp_path / "folder" / ".." / "folder" / "text"
        if expected:
            expect_outputs(None, str(target))
            with pytest.raises(InputError, match="read by this command"):
                open_input(source)
        else:
            open_input(source).close()
            with pytest.raises(InputError, match="read by this command, which would replace it; name another file"):
                write(target)
        assert source.read_bytes() == b"old"
        assert names(folder) == ["text"]

    def test_an_input_that_is_opened_while_an_output_is_written(self, tmp_path: Path) -> None:
        source = tmp_path / "text"
        source.write_bytes(b"old")
        with pytest.raises(InputError, match="read by this command"), replaced_file(str(source)):
            open_input(source)
        assert (source.read_bytes(), names(tmp_path)) == (b"old", ["text"])
        open_input(source).close()

    def test_standard_input_from_a_file_is_an_input(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = tmp_path / "text"
        source.write_bytes(b"old")
        with source.open() as file:
            monkeypatch.setattr("sys.stdin", file)
            assert read_stdin() == b"old"
        with pytest.raises(InputError, match="is the same file as <stdin>"):
            write(source)

    @pytest.mark.parametrize("exists", [True, False])
    def test_two_outputs_that_are_one(self, tmp_path: Path, exists: bool) -> None:
        (tmp_path / "link").symlink_to(tmp_path)
        one, other = tmp_path / "x", tmp_path / "link" / "x"
        if exists:
            one.write_bytes(b"old")
        with pytest.raises(InputError, match="is the same file as the other output"):
            expect_outputs(str(one), None, str(other))
        with pytest.raises(InputError, match="two outputs would go there; name a file for each"):
            expect_outputs(str(one), str(one))
        with (
            pytest.raises(InputError, match="is the same file as the other output"),
            replaced_file(str(one)),
            replaced_file(str(other)),
        ):
            pass
        assert names(tmp_path) == (["link", "x"] if exists else ["link"])
        write(one)
        write(other, b"later")  # one after the other is no clash
        assert one.read_bytes() == b"later"

    def test_an_output_that_standard_output_goes_to(self, tmp_path: Path) -> None:
        code = """
import sys
from gptcli.files import kept_apart, replaced_file
from gptcli.errors import InputError
with kept_apart():
    try:
        with replaced_file(sys.argv[1]): pass
    except InputError as error:
        print(error, file=sys.stderr)
"""
        for stream in ("stdout", "stderr"):
            target = tmp_path / stream
            with target.open("w") as file:
                streams: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, stream: file}
                subprocess.run([sys.executable, "-c", code, target], **streams, check=True, timeout=60)
            if stream == "stderr":
                assert "what this command prints goes there already" in target.read_text()
            else:
                assert names(tmp_path) == ["stdout"]

    def test_other_files_are_free(self, tmp_path: Path) -> None:
        source = tmp_path / "text"
        source.write_bytes(b"old")
        expect_outputs(str(tmp_path / "no" / "x"), str(tmp_path / "y"), "")
        open_input(source).close()
        write(tmp_path / "y")
        assert (source.read_bytes(), names(tmp_path)) == (b"old", ["text", "y"])


def test_a_program_may_read_a_file_and_write_it_anew(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")
    with kept_apart():
        open_input(target).close()
    open_input(target).close()
    write(target)
    assert target.read_bytes() == b"new"


def test_files_of_users_are_opened_in_one_place() -> None:
    """What is read elsewhere is the package's own, the system's, or was opened there before."""
    reading = re.compile(
        r'\.open\((?!"wb"|temporary,)|\.read_bytes\(|\.read_text\(|(?<![\w.])open\(|from_file\(|torch\.load\('
    )
    allowed = {
        "files.py": 1,  # that place
        "config/presets.py": 1, "config/dialects/huggingface/_classes.py": 1,  # the package's own
        "render/page/document.py": 1, "tokenizer/vocabulary.py": 1,
        "model/device.py": 2, "processor.py": 1,  # the system's
        "hub/cache.py": 1,  # which snapshot is the newest
        "checkpoints/safetensors_file.py": 1,  # opened before
        "model/pickled.py": 1, "model/load.py": 1,
        "cli.py": 2, "child.py": 1,  # /dev/null
    }  # fmt: skip
    package = Path(gptcli.__file__).parent
    found = {}
    for path in package.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        amount = len(reading.findall(source))
        if amount:
            found[str(path.relative_to(package))] = amount
    assert found == allowed


def test_a_directory_is_whole_or_not_there(tmp_path: Path) -> None:
    target = tmp_path / "mine"
    with new_directory(str(target)) as folder:
        (folder / "x").write_text("new")
        assert not target.exists()
    assert (target / "x").read_text() == "new"
    for fault, told in ((WriteError("disk full"), "disk full"), (OSError(28, "No space left"), "No space left")):
        with (
            pytest.raises(GptcliError, match=f"other: cannot be written: {told}") as caught,
            new_directory(str(tmp_path / "other")) as folder,
        ):
            (folder / "x").write_text("half")
            raise fault
        assert caught.value.exit_code == 1
    assert names(tmp_path) == ["mine"]


def test_a_directory_takes_the_place_of_an_empty_one_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "file").touch()
    with new_directory(str(tmp_path / "empty")) as folder:
        (folder / "x").touch()
    assert names(tmp_path / "empty") == ["x"]
    for name in ("full", "file"):
        with pytest.raises(InputError, match="exists already"), new_directory(str(tmp_path / name)):
            pass
    for target, told in (("", "no name given"), (str(tmp_path / "no" / "x"), "cannot be written: No such file")):
        with pytest.raises(InputError, match=told), new_directory(target):
            pass
    assert names(tmp_path) == ["empty", "file", "full"]
