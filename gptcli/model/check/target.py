"""``my_gpt.py:GPTModel``: the file and the name in it, looked at before anything is run."""

import importlib.util
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
    """Split ``FILE:NAME``, or ``package.module:NAME``, and see that there is such a Python file.

    Raises:
        InputError: there is none, or no name is given.
    """
    file, colon, name = text.rpartition(":")
    if not colon or name.endswith(".py"):
        raise InputError(f"{text}: says no class or function; name one after the file, as in {_FORM}")
    if not file or not name.isidentifier():
        raise InputError(f"{text}: is not FILE:NAME; write it as in {_FORM}")
    file = _file_of_module(file) or file
    _check_file(Path(file), file)
    return Target(file, name)


def _file_of_module(dotted: str) -> str | None:
    """Return the file of a module that is named as an import names it, ``pkg.net.gpt``; None where there is none.

    It is looked for here, then among what is installed. Nothing is imported for that, which would run it.
    """
    first, *rest = dotted.split(".")
    if not all(part.isidentifier() for part in (first, *rest)) or Path(dotted).is_file():
        return None
    for folder in ("", *_installed(first)):
        inside = Path(folder, *rest) if folder else Path(first, *rest)
        for candidate in (inside.with_suffix(".py"), inside / "__init__.py"):
            if candidate.is_file():
                return str(candidate)
    return None


def _installed(name: str) -> list[str]:
    """Return the folders of an installed package."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return []
    return list(spec.submodule_search_locations or ()) if spec is not None else []


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
