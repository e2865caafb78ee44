"""The options of a trace, checked against the network that is traced."""

from typing import TYPE_CHECKING

from gptcli.errors import InputError, did_you_mean
from gptcli.reports.flow import FlowReport

if TYPE_CHECKING:
    from gptcli.model.trace import TraceOptions

ALL = "all"


def all_of_it(flow: FlowReport) -> "TraceOptions":
    """Return what a page shows: the lens, and the attention of every head where the steps have it."""
    from gptcli.model.trace import TraceOptions
    from gptcli.render.page.attention import shown_tokens

    assert flow.config is not None
    blocks, heads = range(flow.config.n_layers), range(flow.config.n_heads)
    tokens = shown_tokens(len(blocks) * len(heads) * flow.batch_size)
    return TraceOptions(
        map_blocks=blocks if flow.attention == "explicit" else (), map_heads=heads, map_tokens=tokens, lens=True
    )


def numbers_asked(thing: str, asked: str | None, count: int, model: str) -> list[int]:
    """Return the blocks or heads that an option names; the first without it.

    Raises:
        InputError: there is none of that number; with the range of those that there are.
    """
    if asked is None:
        return [0]
    if asked == ALL:
        return list(range(count))
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else count
    if number >= count:
        there_are = f"{thing}s 0 to {count - 1:,}" if count > 1 else f"{thing} 0 alone"
        raise InputError(f"--{thing} {asked!r} is none of {model}, which has {there_are}; name one of them, or all")
    return [number]


def check_path(path: str | None, flow: FlowReport) -> None:
    """Refuse a path that no step has.

    Raises:
        InputError: with the nearest path.
    """
    paths = [step.path for step in flow.steps]
    if path is not None and path not in paths:
        hint = f"{did_you_mean(path, paths)}; --tensor list prints them all"
        raise InputError(f"--tensor {path!r} is no step of this network{hint}")
