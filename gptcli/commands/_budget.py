"""``--budget`` and ``--headroom``, as they are typed."""

from gptcli.api.quantities import Quantity, parse_bytes
from gptcli.errors import InputError


def memory_limit(budget: str | None, headroom: str | None, device: str) -> tuple[Quantity | None, int]:
    """Read ``--budget`` and ``--headroom``; return the limit, and how many of its bytes stay free.

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
