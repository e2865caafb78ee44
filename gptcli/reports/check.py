"""The report of ``gptcli check``."""

from msgspec import Struct

from gptcli.reports.finding import Finding
from gptcli.reports.report import Report


class Corner(Struct, frozen=True):
    """A few numbers of a tensor; one that is not finite is null.

    Attributes:
        shape: of the whole tensor.
        first: the index of the first number shown.
        values: rows and columns from there on.
    """

    shape: tuple[int, ...]
    first: tuple[int, ...]
    values: list[list[float | None]]


class CheckedStep(Struct, frozen=True, kw_only=True):
    """A step that was seen in somebody's network, beside ours.

    Attributes:
        path: the step; that of its reader where the reader takes something else than the step gave.
        label: the words people read.
        module: their module at which it was seen, or empty for the network as a whole.
        side: ``in`` or ``out``: whether it is what that module takes or gives.
        at_dropout: whether it was seen at a dropout inside that module, which has no weights to know it by.
        shape: theirs.
        expected_shape: ours.
        difference: the largest absolute one; null where shapes or finiteness differ.
        tolerance: up to which the step counts as equal.
        ok: whether it is.
    """

    path: str
    label: str
    module: str
    side: str
    at_dropout: bool = False
    shape: tuple[int, ...]
    expected_shape: tuple[int, ...]
    difference: float | None
    tolerance: float
    ok: bool


class Divergence(Struct, frozen=True, kw_only=True):
    """The first thing that is not as it should be.

    Attributes:
        path: a step; or a parameter by their own name.
        label: the words people read.
        kind: ``value``, ``shape``, ``input``: a module takes something else than the step before it gave,
            ``random``: two runs differ, ``not-finite``: it gives NaN or infinity, as ours does with the same weights
            or only theirs in fp32, the one kind that a gradient has;
            for parameters ``missing``, ``unexpected``, ``misshaped``, ``not-finite`` and so on.
        module: as of a checked step.
        at_dropout: likewise.
        side: likewise.
        expected: numbers of ours.
        found: numbers of theirs, from the same place.
        difference: as of a checked step.
        tolerance: likewise.
        mistakes: names of the known mistakes that reproduce theirs; several where they cannot be distinguished.
        hint: what they are and what to do, or null where none is known.
    """

    path: str
    label: str
    kind: str
    module: str = ""
    at_dropout: bool = False
    side: str = ""
    expected: Corner | None = None
    found: Corner | None = None
    difference: float | None = None
    tolerance: float | None = None
    mistakes: list[str] = []
    hint: str | None = None


class CheckReport(Report, frozen=True, kw_only=True):
    """Somebody's own network beside ours with the same weights.

    Attributes:
        target: file and name.
        layout: whose names its parameters have.
        parameters: numbers in them, shared ones once.
        dtype: in which both ran.
        seed: of the weights it drew.
        input_ids: (B, T).
        deterministic: whether two runs agree; null where it could not run.
        looks_ahead: whether a later token changes the results of earlier ones; null where that is not known.
        findings: parameters that do not fit, and what else there is to know.
        steps: what was seen, in order of execution; empty where parameters do not fit.
        ok: whether everything agrees.
    """

    command: str = "check"
    target: str
    layout: str
    parameters: int
    dtype: str
    seed: int
    input_ids: list[list[int]]
    deterministic: bool | None
    looks_ahead: bool | None
    findings: list[Finding]
    first_divergence: Divergence | None
    steps: list[CheckedStep]
    ok: bool
