"""What runs, with the values that options leave open."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from gptcli import processor
from gptcli.analysis.workload import Workload
from gptcli.config import ModelConfig


def step_options(config: ModelConfig, seq_len: int | None, **chosen: Any) -> Workload:
    """Return what the shared options describe; without a length, as many tokens as the model takes."""
    options = Workload(tokens=config.context_length if seq_len is None else seq_len, **chosen)
    return on_this_processor(options)


def on_this_processor(options: Workload) -> Workload:
    """Return what runs with what this machine's processor makes of it."""
    return replace(options, widens=processor.lacks_instructions(options.dtype))


def runs_of(run: Workload, longest: int | None, batch: list[list[int]], new: int) -> Iterator[Workload]:
    """Yield what runs one after the other: texts of equal length together, up to the length they can reach.

    Args:
        run: what all have in common.
        longest: the most tokens that the network reads at once, or None for any number.
        batch: ids of each text.
        new: tokens by which each grows.
    """
    most = max(map(len, batch)) + new if longest is None else longest
    for length, amount in Counter(min(len(ids), most) for ids in batch).items():
        yield replace(run, batch=amount, tokens=min(length + new, most))
