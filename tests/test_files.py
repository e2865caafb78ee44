"""Output files: whole or not there, through links, and nothing but files."""

import os
from pathlib import Path

import pytest

from gptcli.errors import GptcliError, InputError
from gptcli.files import WriteError, new_directory, replaced_file


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
