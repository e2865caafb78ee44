"""``--weights``: from what the user names to a checkpoint that can be run, or every reason why it cannot."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct

from gptcli.config import ModelConfig
from gptcli.config.printable import printable
from gptcli.errors import GptcliError, InputError, InputProblemsError

if TYPE_CHECKING:
    from gptcli.checkpoints import Recognised
    from gptcli.checkpoints.locate import Located
    from gptcli.checkpoints.stored import Opened

WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--weights",
        "-w",
        metavar="PATH|NAME",
        help="Weights of a checkpoint: a file, a directory, or a model in the Hugging Face cache.",
        show_default=False,
        rich_help_panel="Model",
    ),
]


class Weights(Struct, frozen=True):
    """A checkpoint that can be run, and the token ids at which its own program stops generating."""

    recognised: "Recognised"
    end_ids: frozenset[int]


def open_located(path: str, located: "Located") -> "Opened":
    """Open files of either format; torch is imported for pickles alone.

    Raises:
        BrokenFileError: a file is broken.
        GptcliError: a file cannot be read.
    """
    from gptcli.checkpoints import open_safetensors

    try:
        if located.kind == "safetensors":
            return open_safetensors(path, located)
        from gptcli.model.pickled import open_pickles

        return open_pickles(path, located)
    except OSError as error:
        raise unreadable(error, path) from None


def unreadable(error: OSError, path: str) -> GptcliError:
    """Say which file could not be read, and why."""
    return GptcliError(f"{printable(str(error.filename or path))}: cannot be read: {error.strerror or error}")


def load_weights(name: str, *, n_heads: int | None = None) -> Weights:
    """Open a checkpoint that is to be run.

    Args:
        name: what ``--weights`` says.
        n_heads: the number of heads, where the user says it.

    Raises:
        InputError: there is no such file.
        InputProblemsError: everything that keeps it from being run.
    """
    from gptcli.checkpoints import BrokenFileError, end_of_text_ids, locate, recognise
    from gptcli.checkpoints.hub import find_weights
    from gptcli.tokenizer import SIZE

    path = find_weights(name)
    try:
        located = locate(path)
        recognised = recognise(open_located(str(path), located), SIZE, n_heads=n_heads)
    except BrokenFileError as error:
        raise InputError(f"{error.finding.path}: {error.finding.message}") from None
    problems = [_told(finding.path, finding.message, str(path)) for finding in recognised.errors()]
    if problems:
        problems.append(f"{printable(str(path))}: cannot be run; 'gptcli checkpoint {printable(name)}' says more")
        raise InputProblemsError(problems)
    return Weights(recognised, end_of_text_ids(located))


def _told(path: str, message: str, checkpoint: str) -> str:
    place = printable(checkpoint)
    return f"{place}: {path}: {message}" if path and path != place else f"{place}: {message}"


def contradictions(asked: ModelConfig, sources: dict[str, str], recognised: "Recognised") -> list[str]:
    """Name each key in which a config that was asked for differs from what a checkpoint is.

    Args:
        asked: the config that the user named, or the checkpoint's own with ``--set`` and flags over it.
        sources: where each of its values came from.
        recognised: the checkpoint.
    """
    assert recognised.config is not None
    assert recognised.matched is not None
    from gptcli.checkpoints.inspection import SHAPES

    stored = recognised.config
    told = [*_STORED] + ([] if recognised.config_source == SHAPES else ["n_heads"])
    where = printable(str(Path(recognised.opened.path)))
    differing = [
        (key, *(_word(getattr(config, key)) for config in (asked, stored)))
        for key in told
        if getattr(asked, key) != getattr(stored, key)
    ]
    return [f"{sources[key]}: {key} is {ours}, but --weights {where} has {theirs}" for key, ours, theirs in differing]


# What the tensors of a checkpoint say by being there and by their shapes.
_STORED = ("vocab_size", "context_length", "emb_dim", "n_layers", "bias", "qkv_bias", "weight_tying")


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
