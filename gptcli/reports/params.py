"""The report of ``gptcli params``."""

from msgspec import Struct

from gptcli.reports.budget import Budget
from gptcli.reports.explanation import Explanation
from gptcli.reports.report import Report


class WeightRow(Struct, frozen=True):
    """A parameter tensor: path and shape as in ``named_parameters()``; a tied one counts 0."""

    path: str
    shape: tuple[int, ...]
    count: int
    tied_to: str | None


class PartRow(Struct, frozen=True):
    """A part of the network that owns parameters.

    Attributes:
        path: module path, ``h.{i}.attn`` in a repeated block.
        label: the words people read.
        shapes: the part's own weights by name; empty for a group.
        count: parameters of one instance, 0 where the weight is tied.
        times: how many instances there are.
        tied_to: the weight it shares, or None.
        parts: what a group is made of.
    """

    path: str
    label: str
    shapes: dict[str, tuple[int, ...]]
    count: int
    times: int
    tied_to: str | None
    parts: "list[PartRow]"

    @property
    def total(self) -> int:
        """Parameters of all instances."""
        return self.count * self.times


class TiedTotals(Struct, frozen=True):
    """A total with an output head of its own, and with one that is the token embedding."""

    untied: int
    tied: int


class ConventionRow(Struct, frozen=True):
    """A way to count parameters, what it gives for this model, and who counts so."""

    name: str
    parameters: int
    used_by: str


class WhyRow(Struct, frozen=True):
    """Something that may have been counted, and how far its count is from the number asked about.

    Attributes:
        conventions: what it is, and how it is counted.
        parameters: its count.
        residual: the count less the number asked about.
        kind: ``total`` of this model, ``convention`` in use for it, a ``part`` of it, another ``preset``, a ``name``
            that is no count, or a ``combination`` of conventions that nobody is known to use.
        used_by: who counts so, or where the name stands.
        also: other parts of the same count.
        matches: whether it has that number, as finely as it was written; if not, it is among the nearest.
    """

    conventions: list[str]
    parameters: int
    residual: int
    kind: str
    used_by: str | None
    also: list[str]
    matches: bool


class ParamsReport(Report, frozen=True, kw_only=True):
    """Parameters, counted; ``weights`` lists every tensor and is null unless the list was requested.

    Attributes:
        active: the parameters that one token uses: all of them, unless the network chooses among experts.
    """

    command: str = "params"
    total: int
    active: int
    weight_tying: bool
    totals: TiedTotals
    parts: list[PartRow]
    weights: list[WeightRow] | None
    conventions: list[ConventionRow] | None = None
    why: list[WhyRow] | None = None
    explanations: list[Explanation] | None = None
    budget: Budget | None = None
