"""The report of ``gptcli forward``."""

from collections.abc import Sequence

from msgspec import Struct

from gptcli.reports.block import Block
from gptcli.reports.report import Report
from gptcli.reports.weights_file import WeightsFile


class LogitsPreview(Struct, frozen=True):
    """The first and the last numbers of the first text's rows."""

    first: list[list[float]]
    last: list[list[float]]


class LogitsReport(Struct, frozen=True):
    """Shape (B, T, V) and dtype of the logits, a corner of them, and whether all are finite."""

    shape: tuple[int, ...]
    dtype: str
    preview: LogitsPreview
    finite: bool


class NextToken(Struct, frozen=True):
    """A candidate for the next token; ``text`` is null where the encoding has no such id, or none is known."""

    id: int
    text: str | None
    logit: float
    probability: float


class Stage(Struct, frozen=True):
    """A step and the shape its output had in this run; one in a block stands for those of every equal block.

    Attributes:
        repeated: whether it is in a block.
        block: the number of its block, the first of its kind, or null outside the blocks.
    """

    path: str
    label: str
    shape: tuple[int, ...]
    repeated: bool
    block: int | None


class TokenLoss(Struct, frozen=True):
    """How well one token was predicted: ``loss`` is minus the natural logarithm of the probability it was given.

    Attributes:
        position: of the token after which the target was to come.
        id: that token.
        target_id: what came next.
    """

    position: int
    id: int
    target_id: int
    probability: float
    loss: float


class TextLoss(Struct, frozen=True):
    """Cross-entropy of a text in nats a token; ``perplexity`` is exp(mean), or null where no number is as large."""

    mean: float
    perplexity: float | None
    tokens: list[TokenLoss]


class ForwardReport(Report, frozen=True, kw_only=True):
    """A forward pass.

    Attributes:
        lengths: each text's own tokens.
        blocks: the layers as runs of equal ones, in order.
        stages: in order of execution, of each kind of block those of the first.
        pad_id: fills the shorter texts, or null where none is shorter.
        loss: cross-entropy in nats, the mean of all texts' tokens; null where nobody asked for it.
        perplexity: exp(loss), or null where no number is as large.
        tokens: how many ``loss`` is the mean of.
        losses: the same of each text, token by token.
    """

    command: str = "forward"
    input_ids: list[list[int]]
    lengths: list[int]
    pad_id: int | None
    logits: LogitsReport
    next_tokens: list[list[NextToken]]
    parameters: int
    weights_bytes: int
    device: str
    device_name: str | None
    dtype: str
    seed: int
    init: str
    weights: WeightsFile | None
    attention: str
    dropout: bool
    blocks: Sequence[Block]
    stages: list[Stage]
    build_seconds: float
    forward_seconds: float
    loss: float | None = None
    perplexity: float | None = None
    tokens: int | None = None
    losses: list[TextLoss] | None = None
