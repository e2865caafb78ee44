"""``my_gpt.py:GPTModel``: the file and the name in it, looked at before anything is run."""

from pathlib import Path

from msgspec import Struct

from gptcli.errors import InputError, did_you_mean
from gptcli.files import open_input

_FORM = "my_gpt.py:GPTModel"


class Target(Struct, frozen=True):
    """What the user wants checked.

    Attributes:
        file: as they named it.
        name: of a class, function or model in it.
    """

    file: str
    name: str

    @property
    def path(self) -> Path:
        """The file, by its full path."""
        return Path(self.file).resolve()

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"


def parse_target(text: str) -> Target:
    """Split ``FILE:NAME`` and see that there is such a Python file.

    Raises:
        InputError: there is none, or no name is given.
    """
    file, colon, name = text.rpartition(":")
    if not colon or name.endswith(".py"):
        raise InputError(f"{text}: says no class or function; name one after the file, as in {_FORM}")
    if not file or not name.isidentifier():
        raise InputError(f"{text}: is not FILE:NAME; write it as in {_FORM}")
    _check_file(Path(file), file)
    return Target(file, name)


def _check_file(path: Path, file: str) -> None:
    if path.suffix == ".ipynb":
        raise InputError(f"{file}: is a notebook; export it first: jupyter nbconvert --to script {file}")
    try:
        if path.is_dir():
            raise InputError(f"{file}: is a directory; name a Python file in it")
        if not path.exists():
            siblings = [str(each) for each in path.parent.glob("*.py")] if path.parent.is_dir() else []
            raise InputError(f"{file}: no such file{did_you_mean(file, siblings)}")
        open_input(path).close()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{file}: cannot be read: {reason}") from None
    if path.suffix != ".py":
        raise InputError(f"{file}: is no Python file, its name does not end in .py; name one as in {_FORM}")
