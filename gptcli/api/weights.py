"""A checkpoint that can be run, or every reason why one cannot."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from gptcli.api.stored_config import as_asked
from gptcli.checkpoints import (
    BrokenFileError,
    Located,
    Recognised,
    end_of_text_ids,
    locate,
    open_safetensors,
    recognise,
)
from gptcli.checkpoints.hub import find_weights
from gptcli.checkpoints.stored import Opened
from gptcli.config import ResolvedConfig, check_set_values
from gptcli.config.printable import printable
from gptcli.errors import GptcliError, InputError, InputProblemsError
from gptcli.tokenizer import SIZE


class Weights(Struct, frozen=True):
    """A checkpoint that can be run, and the token ids at which its own program stops generating."""

    recognised: Recognised
    end_ids: frozenset[int]


def load_weights(
    name: str, *, set_values: Sequence[str] = (), tied: bool | None = None, config: ResolvedConfig | None = None
) -> Weights:
    """Open a checkpoint that is to be run.

    Args:
        name: what ``--weights`` says.
        set_values: what ``--set`` says, over the checkpoint's own config.
        tied: what ``--tied/--untied`` says, likewise.
        config: what ``--config`` says with all that lies over it, where it was given.

    Raises:
        InputError: there is no such file.
        InputProblemsError: everything that keeps it from being run, contradictions between options included.
    """
    check_set_values(set_values)
    path = find_weights(name)
    try:
        located = locate(path)
        if located.kind == "gguf":
            raise InputError(_no_weights_to_run(path, name))
        recognised = recognise(open_located(path, located), SIZE)
    except BrokenFileError as error:
        raise InputError(f"{error.finding.path}: {error.finding.message}") from None
    problems = [_reported(finding.path, finding.message, str(path)) for finding in recognised.errors()]
    if problems:
        problems.append(f"{printable(str(path))}: cannot be run; 'gptcli checkpoint {printable(name)}' says more")
        raise InputProblemsError(problems)
    return Weights(as_asked(recognised, set_values=set_values, tied=tied, config=config), end_of_text_ids(located))


def open_located(path: Path, located: Located) -> Opened:
    """Open files of either format; torch is imported for pickles alone.

    Raises:
        BrokenFileError: a file is broken.
        GptcliError: a file cannot be read.
    """
    try:
        if located.kind == "safetensors":
            return open_safetensors(path, located)
        from gptcli.model.pickled import open_pickles

        return open_pickles(path, located)
    except OSError as error:
        raise unreadable(error, path) from None


def _no_weights_to_run(path: Path, name: str) -> str:
    return (
        f"{printable(str(path))}: is a GGUF file, whose weights are for llama.cpp and are not run here; take the "
        f"model's safetensors, or see what it holds with 'gptcli checkpoint {printable(name)}'"
    )


def unreadable(error: OSError, path: Path) -> GptcliError:
    """Say which file could not be read, and why."""
    return GptcliError(f"{printable(str(error.filename or path))}: cannot be read: {error.strerror or error}")


def warnings_of(recognised: Recognised) -> list[str]:
    """Say in a line each what is probably not meant."""
    path = str(recognised.opened.path)
    return [_reported(each.path, each.message, path) for each in recognised.findings if each.severity == "warning"]


def _reported(path: str, message: str, checkpoint: str) -> str:
    place = printable(checkpoint)
    return f"{place}: {path}: {message}" if path and path != place else f"{place}: {message}"
