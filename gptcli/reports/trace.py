"""The report of ``gptcli trace``."""

from collections.abc import Sequence

from msgspec import Struct

from gptcli.reports.flow import FlowBlock, FlowStep
from gptcli.reports.forward import ForwardReport, NextToken
from gptcli.reports.tokens import Token


class TraceStep(FlowStep, frozen=True, kw_only=True):
    """A step and what its output was in one run, padding included; no figure where a NaN or an infinity is in it.

    Attributes:
        mean: of all numbers but those ignored.
        std: their deviation from it, over their count (not one less).
        min: the least.
        max: the largest.
        zeros: how many numbers are zero.
        ignored: how many are minus infinity because the causal mask says so; they are left out of the others.
        not_finite: ``nan``, ``inf`` or ``-inf`` where there is one that no mask put there, or null.
        seconds: from the step before to this one, without the time of tracing; of a group, that of its parts too.
    """

    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    zeros: int
    ignored: int
    not_finite: str | None
    seconds: float


class AttentionMap(Struct, frozen=True):
    """How much each token of a text (row) looks at each (column): a head's softmax, before dropout; rows add up to 1.

    Attributes:
        path: of the step.
        text: the number of the text, from 0.
        block: from 0.
        head: from 0.
        weights: for the text's own tokens, without padding.
    """

    path: str
    text: int
    block: int
    head: int
    weights: list[list[float]]


class LensRow(Struct, frozen=True):
    """What the output head would say after a step: candidates for what follows each text's last token.

    Attributes:
        path: of the step whose output went through the final norm and the head.
        block: the block after which it stands, or null for the embeddings.
        next_tokens: per text.
    """

    path: str
    block: int | None
    next_tokens: list[list[NextToken]]


class TensorText(Struct, frozen=True):
    """A step's output in torch's own words."""

    path: str
    shape: tuple[int, ...]
    text: str


class TraceReport(ForwardReport, frozen=True, kw_only=True):
    """A forward pass with every step of every block.

    Attributes:
        batch_size: texts at once.
        seq_len: tokens in the longest text.
        text_tokens: each text's own.
        sizes: the value of every symbol.
        forward_flops: of the whole pass.
        blocks: the layers as runs of equal ones, with their figures.
        steps: in order of execution.
        first_not_finite: the path of the first step with a NaN or an infinity that no mask put there, or null.
        attention_maps: those asked for.
        logit_lens: after the embeddings and after every block, where asked for.
        tensor: the step that was asked for.
        steps_seconds: of all steps, without the time of tracing.
    """

    command: str = "trace"
    batch_size: int
    seq_len: int
    text_tokens: list[list[Token]]
    sizes: dict[str, int]
    forward_flops: int
    blocks: Sequence[FlowBlock]
    steps: list[TraceStep]
    first_not_finite: str | None
    attention_maps: list[AttentionMap] | None = None
    logit_lens: list[LensRow] | None = None
    tensor: TensorText | None = None
    steps_seconds: float
