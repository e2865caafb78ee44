"""The reports of ``gptcli checkpoint``."""

from msgspec import Struct

from gptcli.reports.finding import Finding
from gptcli.reports.report import Report


class TensorStats(Struct, frozen=True):
    """A stored tensor's numbers; NaN and infinities are counted and left out of the rest, which is null without any."""

    path: str
    dtype: str
    shape: tuple[int, ...]
    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    zeros: int
    nan: int
    infinite: int


class TypeRow(Struct, frozen=True):
    """The tensors of one of ggml's types: how many, their numbers, their bytes."""

    type: str
    tensors: int
    numbers: int
    bytes: int


class GgufFacts(Struct, frozen=True, kw_only=True):
    """What the header of a GGUF file says.

    Attributes:
        architecture: ``general.architecture``, or null.
        name: ``general.name``, or null.
        file_type: ``general.file_type``, llama.cpp's number for the mix of types, or null.
        keys: how many keys and values there are.
        types: of the tensors, that with the most bytes first.
    """

    version: int
    byte_order: str
    alignment: int
    architecture: str | None
    name: str | None
    file_type: int | None
    keys: int
    types: list[TypeRow]


class CheckpointReport(Report, frozen=True, kw_only=True):
    """What a checkpoint holds and what is wrong with it.

    Attributes:
        layout: whose names and shapes it follows, ``gguf`` for llama.cpp's files, or null.
        transposed: whether a block's matrices are stored as (in, out), the way of Conv1D; null without a layout.
        format: ``safetensors``, ``pickle`` or ``gguf``, or null where it is none of these.
        config_source: where the config is from: a file, a key in one, or ``shapes``.
        parameters: numbers in weights; a tied head that is stored as well counts once.
        read_bytes: how much of the data was looked at for findings.
        headers_only: whether the data are elsewhere and were not looked at, so that no finding is about numbers.
        ok: whether no finding is an error.
    """

    command: str = "checkpoint"
    path: str
    layout: str | None
    transposed: bool | None
    format: str | None
    files: list[str]
    config_source: str | None
    dtypes: dict[str, int]
    tensors: int
    parameters: int
    weights_bytes: int
    buffer_bytes: int
    total_bytes: int
    read_bytes: int
    headers_only: bool = False
    findings: list[Finding]
    stats: list[TensorStats] | None = None
    gguf: GgufFacts | None = None
    ok: bool


class ConvertReport(Report, frozen=True, kw_only=True):
    """A checkpoint written in another layout.

    Attributes:
        findings: what is doubtful about the checkpoint, and where the other program computes something else.
    """

    command: str = "checkpoint"
    path: str
    layout: str
    target: str
    target_layout: str
    files: list[str]
    tensors: int
    bytes: int
    findings: list[Finding]
