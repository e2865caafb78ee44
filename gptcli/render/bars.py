"""Bars of text."""

_FULL = "\u2588"
_EIGHTHS = " \u258f\u258e\u258d\u258c\u258b\u258a\u2589"


def bar(value: int, most: int, width: int) -> str:
    """Draw ``value`` on a scale on which ``most`` fills ``width`` columns; what is more than nothing shows."""
    if value <= 0 or most <= 0:
        return ""
    eighths = max(1, round(8 * width * value / most))
    return _FULL * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
