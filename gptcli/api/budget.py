"""Budgets: limits that figures are compared with."""

from collections.abc import Mapping

from gptcli.api.quantities import Quantity
from gptcli.errors import GptcliError
from gptcli.render.units import BYTE_SCALES, as_asked, in_unit
from gptcli.reports.budget import Budget


def hold(limit: Quantity | None, value: int, *, headroom: int | None = None) -> Budget | None:
    """Compare a value with a limit, if there is one; ``headroom`` of the limit stays free."""
    if limit is None:
        return None
    holds = value + (headroom or 0) <= limit.value
    return Budget(limit.value, value, holds, unit=limit.unit, headroom_bytes=headroom)


def refuse_over_budget(budget: Budget | None, what: str, scales: Mapping[str, int]) -> None:
    """Refuse a figure that is over its budget; called after the report has been printed.

    Args:
        budget: the limit and the value compared with it, or None where nobody set one.
        what: what is counted: ``parameters``.
        scales: the units it may be given in.

    Raises:
        GptcliError: the value is over the limit; both in the unit that was asked, and exactly, as rounded they may
            look equal.
    """
    if budget is None or budget.holds:
        return
    scale = scales[budget.unit]
    over = budget.value + (budget.headroom_bytes or 0) - budget.limit
    exact = f"{_needed(budget, 1, f' {what}')} against {budget.limit:,}, {over:,} too many"
    if scale == 1:
        raise GptcliError(f"over budget: {exact}")
    unit = f" {budget.unit}" if scales is BYTE_SCALES else budget.unit
    asked = f"{as_asked(budget.limit, scale)}{unit}"
    raise GptcliError(f"over budget: {_needed(budget, scale, unit)} against {asked}; exactly {exact}")


def _needed(budget: Budget, scale: int, unit: str) -> str:
    needed = f"{in_unit(budget.value, scale)}{unit}"
    if budget.headroom_bytes:
        needed += f" + {in_unit(budget.headroom_bytes, scale)}{unit} headroom"
    return needed
