"""Budgets in bytes in words, in the unit in which they were given."""

from rich.text import Text

from gptcli.render.console import TOTAL
from gptcli.render.units import BYTE_SCALES, as_asked, sized
from gptcli.reports.budget import Budget


def budget_words(limit: int, unit: str) -> str:
    """Return a limit as it was given: ``24 GiB``."""
    return f"{as_asked(limit, BYTE_SCALES[unit])} {unit}"


def budget_line(budget: Budget) -> Text:
    """Say whether a budget in bytes holds."""
    verdict = ("holds", TOTAL) if budget.holds else ("does not hold", "bold red")
    needed = sized(budget.value, budget.unit)
    if budget.headroom_bytes:
        needed += f" + {sized(budget.headroom_bytes, budget.unit)} headroom"
    return Text.assemble(f"budget {budget_words(budget.limit, budget.unit)}, needed {needed}: ", verdict)


def headroom_note(headroom: int, unit: str, device: str) -> str:
    """Say how much of a budget stays free for Python and torch, and which option changes that."""
    if headroom:
        return f"{sized(headroom, unit)} stay free for Python and torch themselves (--headroom)."
    if device == "cuda":
        return "No headroom: the card's context takes hundreds of MiB more (--headroom 1GiB)."
    return "No headroom: Python, torch and the allocator take more (--headroom 512MiB)."
