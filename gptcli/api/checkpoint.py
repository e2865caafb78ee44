"""What a checkpoint holds, and what is wrong with it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from gptcli.api import weights
from gptcli.api.stored_config import as_asked
from gptcli.checkpoints import BrokenFileError, broken_report, inspect, inspect_gguf, locate, recognise
from gptcli.checkpoints.hub import find_checkpoint, not_to_be_had
from gptcli.checkpoints.inspection import Counted
from gptcli.checkpoints.stored import Opened
from gptcli.config import check_set_values
from gptcli.config.printable import printable
from gptcli.errors import InputError
from gptcli.hub import HubName
from gptcli.reports.checkpoint import CheckpointReport
from gptcli.tokenizer import SIZE


def inspected(
    name: str,
    *,
    stats: bool = False,
    set_values: Sequence[str] = (),
    against: str | None = None,
    counted: Counted = lambda tensors, _total: tensors,
    fetching: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> CheckpointReport:
    """Report what a checkpoint holds; one that is broken is a report too.

    Of a model of the Hub that is not here the headers are read there.

    Args:
        name: a file, a directory, or a model of the Hub.
        stats: read every number for statistics.
        set_values: what lies over the checkpoint's own config.
        against: another checkpoint to compare with.
        counted: wraps what is read, to show how far it is.
        fetching: makes of a message what surrounds the time in which the Hub is asked.

    Raises:
        InputError: there is no such checkpoint, or what is asked for contradicts it.
        GptcliError: it cannot be read.
    """
    check_set_values(set_values)
    found = find_checkpoint(name)
    if isinstance(found, HubName):
        _check_headers_do(found, stats=stats, against=against)
    path = Path(str(found))
    other = None if against is None else weights.load_weights(against).recognised
    try:
        if isinstance(found, Path):
            located = locate(path)
            if located.kind == "gguf":
                _check_asked_of_gguf(path, {"--stats": stats, "--against": other, "--set": set_values})
                return inspect_gguf(path, located.files[0])
            opened = weights.open_located(path, located)
        else:
            with fetching(f"Reading the headers of {found} at the Hub"):
                opened = _open_remote(found, name)
        recognised = as_asked(recognise(opened, SIZE), set_values=set_values)
        return inspect(recognised, stats=stats, other=other, counted=counted)
    except BrokenFileError as error:
        return broken_report(path, error.finding)
    except OSError as error:
        raise weights.unreadable(error, path) from None


def _open_remote(model: HubName, name: str) -> Opened:
    from gptcli.checkpoints.remote import open_remote  # what is here is read without it
    from gptcli.hub.failures import HubError

    try:
        return open_remote(model)
    except HubError as error:
        raise not_to_be_had(model, name, error) from None


def _check_headers_do(model: HubName, *, stats: bool, against: str | None) -> None:
    """Refuse what reads numbers, which are fetched by no command that only looks."""
    asked = "--stats" if stats else "--against" if against is not None else ""
    if asked:
        from gptcli.hub.client import download_command

        fetch = f"'{download_command(model)}' fetches them"
        raise InputError(f"{asked}: reads the numbers of {model}, which are not here; {fetch}, or leave out {asked}")


def _check_asked_of_gguf(path: Path, asked: Mapping[str, object]) -> None:
    """Refuse what would need the numbers or the config of a GGUF file.

    Raises:
        InputError: with the option to leave out.
    """
    option = next((option for option, value in asked.items() if value), None)
    if option is not None:
        raise InputError(f"{printable(str(path))}: of a GGUF file the header alone is read; leave {option} out")
