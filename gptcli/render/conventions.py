"""Ways of counting parameters as text: all in use, or those that yield a number."""

from collections.abc import Mapping

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.text import Text

from gptcli.render.console import QUIET, TITLE, TOTAL
from gptcli.render.layout import Hanging, indented
from gptcli.render.model_line import model_line
from gptcli.render.units import count
from gptcli.reports import ParamsReport


class Asked(Struct, frozen=True):
    """A number whose origin was asked for.

    Attributes:
        text: the number as it was typed.
        matched: whether the report's rows yield it, rather than being the nearest.
        used_by: who uses a way of counting, by its words joined with commas.
    """

    text: str
    matched: bool
    used_by: Mapping[str, str]


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


def why_text(report: ParamsReport, asked: Asked) -> Group:
    """Name the ways of counting that yield a number, or come nearest to it, with how far off they are."""
    assert report.config is not None
    assert report.why is not None
    width = max(len(count(row.parameters)) for row in report.why)
    title = Text(_verdict(asked, len(report.why)), style=TITLE)
    parts: list[RenderableType] = [model_line(report.config), "", title, ""]
    for row in report.why:
        name = ", ".join(row.conventions)
        parts.append(_counted(row.parameters, width, name, own=row.parameters == report.total))
        notes = [f"{asked.text} {'+' if row.residual > 0 else '-'} {count(abs(row.residual))}"] if row.residual else []
        notes += [asked.used_by[name]] if name in asked.used_by else []
        parts += [_noted(note, width) for note in notes]
    return Group(*parts)


def _verdict(asked: Asked, ways: int) -> str:
    if not asked.matched:
        return f"{asked.text}: no way of counting yields it; the nearest are"
    return (
        f"{asked.text}: {ways} ways of counting, the simplest first"
        if ways > 1
        else f"{asked.text}: one way of counting"
    )


def _counted(number: int, width: int, name: str, *, own: bool) -> Hanging:
    figure = Text(f"{count(number):>{width}}  ", style=TOTAL if own else TITLE)
    return Hanging(figure, " " * figure.cell_len, Text(f"{name} (this model)" if own else name))


def _noted(text: str, width: int) -> Hanging:
    return indented(Text(text, style=QUIET), width + 2)
