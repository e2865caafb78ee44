"""Whatever their code raises, in one line: the file and line of theirs, what it says, and what was being done."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gptcli.child import announce
from gptcli.config.printable import printable
from gptcli.errors import InputError
from gptcli.model.check.building.project import Project
from gptcli.model.check.target import Target

# Modules that are installed by another name.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "dotenv": "python-dotenv",
    "hydra": "hydra-core",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}


class NotKnownError(Exception):
    """Something that their code needs and that nobody here knows."""


@contextmanager
def reported(target: Target, doing: str, *, at: object = None) -> Iterator[None]:
    """Report whatever their code raises in one line, with the name of their file and the line.

    Args:
        target: the file.
        doing: what was being done: ``while it was loaded``.
        at: whose definition to name where the error was raised before their code began.

    Raises:
        InputError: their code raised something.
    """
    announce(doing)
    try:
        yield
    except (InputError, MemoryError):
        raise
    except NotKnownError as error:
        raise InputError(f"{_place(error, target, at)}: {error} ({doing})") from None
    except SystemExit as error:
        place = _place(error, target, at)
        raise InputError(
            f"{place}: ends the program (SystemExit) {doing}; put that under if __name__ == '__main__':"
        ) from error
    except BaseException as error:  # whatever they raise, GeneratorExit too, is reported and no verdict
        advice = _advice(error, Project(target))
        raise InputError(f"{_place(error, target, at)}: {said(error)} ({doing}){advice}") from error
    finally:
        announce("")


def said(error: BaseException) -> str:
    """``ValueError: its first line``; an error may fail to say anything."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _place(error: BaseException, target: Target, at: object) -> str:
    """Return the innermost line of theirs that led to an error, in whichever file: its name and number."""
    project = Project(target)
    if isinstance(error, SyntaxError) and error.filename:
        return f"{project.name(error.filename)}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if project.has(frame.filename):
            return f"{project.name(frame.filename)}:{frame.lineno}"
    code = getattr(getattr(at, "__init__", at) if inspect.isclass(at) else at, "__code__", None)
    if code is not None and project.has(code.co_filename):
        return f"{project.name(code.co_filename)}:{code.co_firstlineno}"
    return str(target)


def _advice(error: BaseException, project: Project) -> str:
    """Say how to get a module that is missing: into which Python, or that it is one of theirs."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    outermost, _, rest = error.name.partition(".")
    package = sys.modules.get(outermost)
    folders = [Path(folder) for folder in getattr(package, "__path__", [])]
    if rest and any(project.has(str(folder / "any.py")) for folder in folders):
        return f"; there is no {printable(error.name.replace('.', '/'))}.py beside that package's files"
    where = f"gptcli runs in {sys.executable}, which does not have it"
    return f"; {where}; install it there: {_installing(_DISTRIBUTIONS.get(outermost, outermost))}"


def _installing(distribution: str) -> str:
    """Return the command that installs into the Python that runs this, with pip where it is there."""
    name = printable(distribution)
    if importlib.util.find_spec("pip") is not None:
        return f"{sys.executable} -m pip install {name}"
    return f"uv pip install --python {sys.executable} {name}"
