"""A ledger as people read it: the large lines one by one, the small ones together."""

from collections.abc import Sequence

from gptcli.reports.memory import LedgerLine

_SMALL = 1000  # lines under a thousandth of the peak are reported together


def largest_and_rest(lines: Sequence[LedgerLine], peak: int) -> tuple[list[LedgerLine], Sequence[LedgerLine]]:
    """Return the lines that are shown, and those that are reported together; the largest stand first in a ledger."""
    shown = [line for line in lines if line.bytes * _SMALL >= peak]
    return shown, lines[len(shown) :]
