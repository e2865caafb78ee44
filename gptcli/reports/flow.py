"""The report of ``gptcli flow``."""

from msgspec import Struct

from gptcli.reports.block import Block
from gptcli.reports.report import Report
from gptcli.reports.tokens import Token


class FlowStep(Struct, frozen=True, kw_only=True):
    """A step of the forward pass, in order of execution; a group stands after the steps it is made of.

    Attributes:
        path: where it stands: ``h.0.attn.softmax``.
        label: the words people read.
        operation: the kind of operation.
        formula: what it computes, as one line.
        reads: paths of the steps whose output it takes; ``ids`` and ``positions`` for the network's input.
        shape: of its output, in numbers.
        symbols: the same shape in symbols, ``["B", "T", "3C"]``.
        block: the index of its block, or null outside the blocks.
        parent: the path of the group or block that it is part of, or null at the top.
        group: whether it stands for the steps below it, whose figures are then part of its own.
        weights: shapes of its own parameters by name, in torch's order (out, in).
        tied_to: the weight it shares instead of owning one, or null.
        parameters: numbers in its own weights; 0 where they are shared.
        flops: of a forward pass; a multiply-add is two, matrix products only.
        bytes: of its output in the dtype of the report, whether or not it needs memory of its own.
    """

    path: str
    label: str
    operation: str
    formula: str
    reads: list[str]
    shape: tuple[int, ...]
    symbols: list[str]
    block: int | None
    parent: str | None
    group: bool
    weights: dict[str, tuple[int, ...]]
    tied_to: str | None
    parameters: int
    flops: int
    bytes: int


class FlowBlock(Block, frozen=True):
    """Equal layers in a row, with the parameters and the forward FLOPs of one."""

    parameters: int
    flops: int


class FlowReport(Report, frozen=True, kw_only=True):
    """The way from token ids to logits: every step of every block.

    Attributes:
        text_tokens: those of each text, or null where a size was given instead of a text.
        sizes: the value of every symbol.
        parameters: of the whole network; shared weights count once.
        forward_flops: of the whole pass.
        blocks: the layers as runs of equal ones, in order.
    """

    command: str = "flow"
    batch_size: int
    seq_len: int
    attention: str
    dtype: str
    text_tokens: list[list[Token]] | None
    sizes: dict[str, int]
    parameters: int
    forward_flops: int
    blocks: list[FlowBlock]
    steps: list[FlowStep]
