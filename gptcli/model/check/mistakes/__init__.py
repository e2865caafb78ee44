"""The mistakes that people make when they write a GPT: a file for each region of the network, a row for each mistake.

A row says which change of the tree makes the mistake, in the words of `edits`. To know of another mistake, add a row.
"""

from collections.abc import Iterator

from gptcli.architecture import Network
from gptcli.model.check.mistakes import (
    blocks,
    embeddings,
    end,
    experts,
    feed_forward,
    grouped,
    heads,
    norms,
    projections,
    rotation,
    scores,
)
from gptcli.model.check.mistakes.heads import OTHER_HEADS
from gptcli.model.check.mistakes.mistake import Mistake, made

__all__ = ["MISTAKES", "OTHER_HEADS", "Mistake", "made", "mistakes_for"]

MISTAKES: tuple[Mistake, ...] = (
    *embeddings.MISTAKES,
    *scores.MISTAKES,
    *rotation.MISTAKES,
    *heads.MISTAKES,
    *projections.MISTAKES,
    *feed_forward.MISTAKES,
    *experts.MISTAKES,
    *norms.MISTAKES,
    *blocks.MISTAKES,
    *end.MISTAKES,
)


def mistakes_for(network: Network) -> Iterator[Mistake]:
    """Yield the mistakes that can be made in a network: those that change something in its tree."""
    of_sizes = (
        heads.other_heads,
        grouped.mistakes,
        scores.scale_mistakes,
        scores.window_mistakes,
        experts.mistakes,
    )
    for mistake in (*MISTAKES, *(each for of in of_sizes for each in of(network))):
        if made(network, mistake) != network:
            yield mistake
