"""The figures of a traced step, as a trace and a page show them."""

from gptcli.reports.trace import TraceStep


def figure(number: float | None) -> str:
    """Return a number in at most seven characters: ``-0.041``, ``12.35``, ``1e-06``."""
    if number is None:
        return ""
    size = abs(number)
    if size >= 1e5 or 0 < size < 5e-4:
        return f"{number:.0e}"
    return f"{number:.{3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0}f}"


def mean_figure(step: TraceStep) -> str:
    """Return the mean, or what keeps it from being one; what rounding alone has left of a zero is a zero."""
    if step.mean is None or step.std is None:
        return {"nan": "NaN", "inf": "inf", "-inf": "-inf"}[step.not_finite or "nan"]
    return figure(0.0 if abs(step.mean) < step.std / 2000 else step.mean)


def zero_share(step: TraceStep) -> str:
    """Return how much of a step's output is zero, in percent."""
    numbers = 1
    for size in step.shape:
        numbers *= size
    if not step.zeros:
        return "0%"
    part = 100 * step.zeros / numbers
    return "<1%" if part < 1 else f"{part:.0f}%"
