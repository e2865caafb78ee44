"""Budgets: a limit that a figure is held against; one that does not hold ends the command with exit code 1."""

from gptcli.errors import GptcliError
from gptcli.reports import Budget


def hold(limit: int | None, value: int) -> Budget | None:
    """Hold a value against a limit, if there is one."""
    return None if limit is None else Budget(limit, value, value <= limit)


def refuse_over_budget(budget: Budget | None, what: str) -> None:
    """End the command with exit code 1 where a budget does not hold; for after the report has been printed.

    Args:
        budget: the limit and what it was held against, or None where nobody set one.
        what: what is counted: ``parameters``.

    Raises:
        GptcliError: the value is over the limit; both are told in full, as rounded they may look equal.
    """
    if budget is not None and not budget.holds:
        raise GptcliError(
            f"over budget: {budget.value:,} {what} against {budget.limit:,}, {budget.value - budget.limit:,} too many"
        )
