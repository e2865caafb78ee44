"""A limit and the value compared with it (``--budget``)."""

from msgspec import Struct


class Budget(Struct, frozen=True):
    """A limit, the value compared with it, and whether it holds.

    Attributes:
        limit: in base units.
        value: what is needed.
        holds: whether ``value`` and the headroom are within the limit.
        unit: the unit in which the limit was given: ``GiB``, ``M``; empty for a bare number.
        headroom_bytes: how much of a limit in bytes stays free.
    """

    limit: int
    value: int
    holds: bool
    unit: str = ""
    headroom_bytes: int | None = None
