"""What a checkpoint holds, and what is wrong with it."""

from collections.abc import Sequence
from pathlib import Path

from gptcli.api import weights
from gptcli.api.stored_config import as_asked
from gptcli.checkpoints import BrokenFileError, broken_report, inspect, locate, recognise
from gptcli.checkpoints.inspection import Counted
from gptcli.config import check_set_values
from gptcli.reports.checkpoint import CheckpointReport
from gptcli.tokenizer import SIZE


def inspected(
    path: Path,
    *,
    stats: bool = False,
    set_values: Sequence[str] = (),
    against: str | None = None,
    counted: Counted = lambda tensors, _total: tensors,
) -> CheckpointReport:
    """Report what a checkpoint holds; one that is broken is a report too.

    Args:
        path: a file or a directory.
        stats: read every number for statistics.
        set_values: what lies over the checkpoint's own config.
        against: another checkpoint to compare with.
        counted: wraps what is read, to show how far it is.

    Raises:
        InputError: there is no such checkpoint, or what is asked for contradicts it.
        GptcliError: it cannot be read.
    """
    check_set_values(set_values)
    other = None if against is None else weights.load_weights(against).recognised
    try:
        recognised = as_asked(recognise(weights.open_located(path, locate(path)), SIZE), set_values=set_values)
        return inspect(recognised, stats=stats, other=other, counted=counted)
    except BrokenFileError as error:
        return broken_report(path, error.finding)
    except OSError as error:
        raise weights.unreadable(error, path) from None
