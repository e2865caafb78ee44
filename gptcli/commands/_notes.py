"""Notes beside a result, on stderr."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gptcli.config import ModelConfig
from gptcli.config.printable import printable
from gptcli.render.errors import print_note

if TYPE_CHECKING:
    from gptcli.api.models import ChosenModel
    from gptcli.checkpoints import Recognised


def note_warnings(recognised: "Recognised") -> None:
    """Note what is probably not meant, before anything is run with it."""
    from gptcli.api.weights import warnings_of

    for warning in warnings_of(recognised):
        print_note(warning)


def note_all(notes: Iterable[str]) -> None:
    """Note what was found on the way, a line each."""
    for note in notes:
        print_note(note)


def note_not_finite(chosen: "ChosenModel") -> None:
    """Note that logits hold NaN or infinity, and what finds their origin."""
    origin = "'gptcli trace' names the first step that does"
    if chosen.checkpoint is not None:
        path = printable(str(chosen.checkpoint.opened.path))
        origin = f"'gptcli checkpoint {path}' says where the file does; if it does not, {origin}"
    print_note(f"the logits hold NaN or infinity; {origin}")


def note_long(names: list[str], batch: list[list[int]], config: ModelConfig, new: int) -> None:
    """Note which prompts the network does not see whole, and which grow past the context length."""
    from gptcli.api.encoding import long_notes

    note_all(long_notes(batch, names, config, new))
    for name, ids in zip(names, batch, strict=True):
        if config.longest_text is not None and len(ids) > config.longest_text:
            print_note(
                f"{name} has {len(ids):,} tokens, over the context length {config.context_length:,} of {config.name}; "
                f"the network sees the last {config.context_length:,}"
            )
