"""Ways of counting parameters as text: all in use, or what has a number."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from gptcli.render.console import QUIET, TITLE, TOTAL
from gptcli.render.layout import Hanging, indented
from gptcli.render.model_line import model_line
from gptcli.render.units import count
from gptcli.reports.params import ParamsReport, WhyRow

_ALSO = 3  # parts of one count that are named beside the first
_UNUSED = "combination"
_REMAINING = "Combinations of conventions with that count, which nobody is known to use"


def conventions_text(report: ParamsReport) -> Group:
    """List each way of counting with its count and who counts so; the model's own stands out."""
    assert report.config is not None
    assert report.conventions is not None
    width = max(len(count(row.parameters)) for row in report.conventions)
    parts: list[RenderableType] = [model_line(report.config), "", Text("One model, many counts", style=TITLE), ""]
    for row in report.conventions:
        parts.append(_counted(row.parameters, width, row.name, own=row.parameters == report.total))
        parts.append(_noted(row.used_by, width))
    return Group(*parts)


def why_text(report: ParamsReport, asked: str) -> Group:
    """Say what has the number asked about, the likeliest first, or comes nearest to it, with how far off it is.

    Args:
        report: the count, with the rows of the answer.
        asked: the number as it was typed.
    """
    assert report.config is not None
    assert report.why is not None
    width = max(len(count(row.parameters)) for row in report.why)
    matched = report.why[0].matches
    parts: list[RenderableType] = [model_line(report.config), "", Text(_verdict(asked, report.why), style=TITLE), ""]
    known = [row for row in report.why if row.kind != _UNUSED or not matched]
    unused = [row for row in report.why if row not in known]
    for row in known:
        parts += _explained(row, asked, width)
    if unused:
        parts += [*([""] if known else []), Text(f"{_REMAINING}:", style=QUIET)]
    for row in unused:
        parts += _explained(row, asked, width)
    return Group(*parts)


def _explained(row: WhyRow, asked: str, width: int) -> Iterator[RenderableType]:
    yield _counted(row.parameters, width, ", ".join(row.conventions), own=row.kind == "total")
    if row.residual:
        yield _noted(f"{asked} {'+' if row.residual > 0 else '-'} {count(abs(row.residual))}", width)
    if row.used_by:
        yield _noted(row.used_by, width)
    if row.also:
        more = [f"{len(row.also) - _ALSO} more"] if len(row.also) > _ALSO else []
        yield _noted(f"also {'; '.join([*row.also[:_ALSO], *more])}", width)


def _verdict(asked: str, rows: Sequence[WhyRow]) -> str:
    if not rows[0].matches:
        return f"{asked}: no way of counting yields it; the nearest are"
    return f"{asked}: {len(rows)} explanations, the likeliest first" if len(rows) > 1 else f"{asked}: one explanation"


def _counted(number: int, width: int, name: str, *, own: bool) -> Hanging:
    figure = Text(f"{count(number):>{width}}  ", style=TOTAL if own else TITLE)
    return Hanging(figure, " " * figure.cell_len, Text(f"{name} (this model)" if own else name))


def _noted(text: str, width: int) -> Hanging:
    return indented(Text(text, style=QUIET), width + 2)
