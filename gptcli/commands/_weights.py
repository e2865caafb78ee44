"""``--weights``: from what the user names to a checkpoint that can be run, or every reason why it cannot."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct
from msgspec.structs import replace

from gptcli.commands._options import is_typed, resolve
from gptcli.config import ModelConfig, ResolvedConfig, check_set_values, lay_over
from gptcli.config.printable import printable
from gptcli.errors import GptcliError, InputError, InputProblemsError

if TYPE_CHECKING:
    from pathlib import Path

    from gptcli.checkpoints import Recognised
    from gptcli.checkpoints.locate import Located
    from gptcli.checkpoints.stored import Opened

WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--weights",
        "-w",
        metavar="PATH|NAME",
        help="A checkpoint: file, folder, or a model's name.",
        show_default=False,
        rich_help_panel="Model",
    ),
]


class Weights(Struct, frozen=True):
    """A checkpoint that can be run, and the token ids at which its own program stops generating."""

    recognised: "Recognised"
    end_ids: frozenset[int]


class ChosenModel(Struct, frozen=True):
    """The model that options choose, and the checkpoint it is from, if it is from one."""

    config: ModelConfig
    weights: Weights | None = None

    @property
    def checkpoint(self) -> "Recognised | None":
        """The checkpoint alone."""
        return None if self.weights is None else self.weights.recognised


def choose_model(
    context: typer.Context,
    weights: str | None,
    config: str,
    set_values: list[str] | None,
    tied: bool | None,
    *,
    init: str | None = None,
) -> ChosenModel:
    """Return the model that the shared options choose: a config's, or a checkpoint's where ``--weights`` names one.

    Raises:
        InputError: as `load_weights`, and where an option has no meaning for stored weights.
    """
    if weights is None:
        return ChosenModel(resolve(config, set_values, tied, init=init).config)
    if init is not None:
        raise InputError("--init says how random weights are drawn, and --weights brings others; leave one of them out")
    asked = resolve(config, set_values, tied) if is_typed(context, "config") else None
    found = load_weights(weights, set_values=set_values or (), tied=tied, config=asked)
    note_warnings(found.recognised)
    assert found.recognised.config is not None
    return ChosenModel(found.recognised.config, found)


def note_warnings(recognised: "Recognised") -> None:
    """Tell on stderr what is probably not meant, before anything is run with it."""
    from gptcli.render.errors import print_note

    for finding in recognised.findings:
        if finding.severity == "warning":
            print_note(_reported(finding.path, finding.message, str(recognised.opened.path)))


def note_not_finite(chosen: ChosenModel) -> None:
    """Tell on stderr that logits hold NaN or infinity, and what finds their origin."""
    from gptcli.render.errors import print_note

    origin = "'gptcli trace' names the first step that does"
    if chosen.checkpoint is not None:
        path = printable(str(chosen.checkpoint.opened.path))
        origin = f"'gptcli checkpoint {path}' says where the file does; if it does not, {origin}"
    print_note(f"the logits hold NaN or infinity; {origin}")


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
    from gptcli.checkpoints import BrokenFileError, end_of_text_ids, locate, recognise
    from gptcli.checkpoints.hub import find_weights
    from gptcli.tokenizer import SIZE

    check_set_values(set_values)
    path = find_weights(name)
    try:
        located = locate(path)
        recognised = recognise(open_located(path, located), SIZE)
    except BrokenFileError as error:
        raise InputError(f"{error.finding.path}: {error.finding.message}") from None
    problems = [_reported(finding.path, finding.message, str(path)) for finding in recognised.errors()]
    if problems:
        problems.append(f"{printable(str(path))}: cannot be run; 'gptcli checkpoint {printable(name)}' says more")
        raise InputProblemsError(problems)
    return Weights(as_asked(recognised, set_values=set_values, tied=tied, config=config), end_of_text_ids(located))


def open_located(path: "Path", located: "Located") -> "Opened":
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


def unreadable(error: OSError, path: "Path") -> GptcliError:
    """Say which file could not be read, and why."""
    return GptcliError(f"{printable(str(error.filename or path))}: cannot be read: {error.strerror or error}")


def as_asked(
    recognised: "Recognised",
    *,
    set_values: Sequence[str] = (),
    tied: bool | None = None,
    config: ResolvedConfig | None = None,
) -> "Recognised":
    """Return a checkpoint with the config that options ask for, where they do not contradict what is stored.

    Raises:
        InputProblemsError: they do; each contradiction names both sides.
    """
    if recognised.config is None:
        return recognised
    place = f"--weights {printable(str(recognised.opened.path))}"
    asked = config or lay_over(recognised.config, place, set_values=set_values, flags={"weight_tying": tied})
    problems = _contradictions(asked, place, recognised)
    if problems:
        raise InputProblemsError(problems)
    findings = recognised.findings
    if asked.sources["n_heads"] != place:  # a guess that somebody has confirmed
        findings = [finding for finding in findings if finding.kind != "guessed-heads"]
    return replace(recognised, config=asked.config, findings=findings)


# What the tensors of a checkpoint say by being there and by their shapes.
_STORED = ("vocab_size", "context_length", "emb_dim", "n_layers", "bias", "qkv_bias", "weight_tying")


def _contradictions(asked: ResolvedConfig, place: str, recognised: "Recognised") -> list[str]:
    from gptcli.checkpoints.inspection import SHAPES

    stored = recognised.config
    keys = [*_STORED] + ([] if recognised.config_source == SHAPES else ["n_heads"])
    differing = [
        (key, *(_word(getattr(each, key)) for each in (asked.config, stored)))
        for key in keys
        if getattr(asked.config, key) != getattr(stored, key)
    ]
    return [
        f"{asked.sources[key]}: {key} is {ours}, but {place} has {theirs}; {_way_out(asked.sources[key])}"
        for key, ours, theirs in differing
    ]


def _way_out(source: str) -> str:
    """Say how to take back what a flag, a variable or a config says."""
    if source.startswith("--"):
        return "leave it out"
    return "unset it" if source.startswith("GPTCLI_") else "leave out --config"


def _reported(path: str, message: str, checkpoint: str) -> str:
    place = printable(checkpoint)
    return f"{place}: {path}: {message}" if path and path != place else f"{place}: {message}"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
