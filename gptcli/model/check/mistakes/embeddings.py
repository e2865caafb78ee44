"""Mistakes between the token ids and the first layer."""

from math import sqrt

from torch import Tensor

from gptcli.architecture import Group, Part
from gptcli.architecture.parts.add import Add
from gptcli.architecture.parts.arithmetic import Scale
from gptcli.architecture.roles import POSITION_TABLE, TOKEN_TABLE
from gptcli.model.check.mistakes.edits import a, followed, instead, without
from gptcli.model.check.mistakes.instead import Instead
from gptcli.model.check.mistakes.mistake import Mistake

_positions = a(role=POSITION_TABLE)


def _adds_positions(part: Part, group: Group) -> bool:
    """Whether a part is the sum of token and positional embedding."""
    tables = {name for name, node in group.parts if isinstance(node, Part) and node.role == POSITION_TABLE}
    return isinstance(part, Add) and not tables.isdisjoint(part.reads)


def _times_root_of_width(_: None, x: Tensor) -> Tensor:
    return x * sqrt(x.shape[-1])


def _scale(table: Part) -> Part:
    return Instead(label="Scaled embedding", shape=table.shape, compute=_times_root_of_width)


def _scales_tokens(part: Part, group: Group) -> bool:
    """Whether a part scales the token embedding."""
    source = dict(group.parts).get(part.reads[0]) if isinstance(part, Scale) else None
    return isinstance(source, Part) and source.role == TOKEN_TABLE


MISTAKES = (
    Mistake(
        "no-embedding-scale",
        "the token embedding is not multiplied with the config's embedding_scale; in Gemma that is sqrt(emb_dim)",
        without(_scales_tokens),
    ),
    Mistake(
        "no-positions",
        "the positional embedding is not added to the token embedding",
        without(_adds_positions),
    ),
    Mistake(
        "positions-from-one",
        "positions are counted from 1; the first token's position is 0",
        instead(_positions, lambda table, positions: table(positions + 1)),
    ),
    Mistake(
        "one-position",
        "every token gets the embedding of position 0; look up torch.arange(T)",
        instead(_positions, lambda table, positions: table(0 * positions)),
    ),
    Mistake(
        "scaled-embedding",
        "the token embedding is multiplied with sqrt(emb_dim), as in the first transformer; GPT-2 does not",
        followed(a(role=TOKEN_TABLE), "scaled", _scale),
    ),
    Mistake(
        "embeddings-multiplied",
        "token and positional embedding are multiplied; add them",
        instead(_adds_positions, lambda _, tokens, positions: tokens * positions),
    ),
)
