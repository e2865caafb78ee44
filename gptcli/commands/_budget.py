"""Budgets: a limit that a figure is held against; one that does not hold ends the command with exit code 1."""

from collections.abc import Mapping

from gptcli.commands._quantities import Quantity, parse_bytes
from gptcli.errors import GptcliError, InputError
from gptcli.render.units import BYTE_SCALES, as_asked, in_unit
from gptcli.reports.budget import Budget


def hold(limit: Quantity | None, value: int, *, headroom: int | None = None) -> Budget | None:
    """Hold a value against a limit, if there is one; ``headroom`` of the limit stays free."""
    if limit is None:
        return None
    holds = value + (headroom or 0) <= limit.value
    return Budget(limit.value, value, holds, unit=limit.unit, headroom_bytes=headroom)


def memory_limit(budget: str | None, headroom: str | None, device: str) -> tuple[Quantity | None, int]:
    """Read ``--budget`` and ``--headroom``; return the limit, and the bytes of it that stay free.

    Raises:
        InputError: one of them cannot be read, or headroom is asked for where there is no budget to take it from.
    """
    from gptcli.analysis.process import default_headroom

    limit = None if budget is None else _read(budget, "--budget")
    if headroom is None:
        return limit, default_headroom(device)
    if limit is None:
        raise InputError("--headroom is what stays free of a budget; add --budget, or leave it out")
    return limit, _read(headroom, "--headroom", zero=True).value


def refuse_over_budget(budget: Budget | None, what: str, scales: Mapping[str, int]) -> None:
    """End the command with exit code 1 where a budget does not hold; for after the report has been printed.

    Args:
        budget: the limit and what it was held against, or None where nobody set one.
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


def _read(text: str, option: str, *, zero: bool = False) -> Quantity:
    """Read bytes; where a letter alone was given, or bits may be meant, say on stderr what it was taken for."""
    from gptcli.render.budget import budget_words
    from gptcli.render.errors import print_note

    amount = parse_bytes(text, option, zero=zero)
    if amount.assumed:
        spelled = budget_words(amount.value, amount.unit)
        decimal = f"{amount.unit[0]}B".replace("KB", "kB")
        print_note(f"{option} {text} is read as {spelled}; write {decimal} for powers of 1000")
    elif amount.as_bits:
        print_note(f"{option} {text} is read as {budget_words(amount.value, amount.unit)}, in bytes and not in bits")
    return amount
