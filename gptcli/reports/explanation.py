"""A figure as a formula (``--explain``)."""

from msgspec import Struct


class Explanation(Struct, frozen=True):
    """A figure as a formula: ``formula`` with ``values`` put in gives ``value``."""

    name: str
    formula: str
    values: dict[str, int]
    value: int
    unit: str
    source: str
