"""``gptcli check`` as text."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from gptcli.checkpoints.layouts import label_of
from gptcli.config.printable import printable
from gptcli.render.console import ACCENT, PATH, QUIET, TITLE, TOTAL, plain_table
from gptcli.render.findings import findings_text
from gptcli.render.model_line import model_line
from gptcli.render.table import Narrowing, PlainTable
from gptcli.render.units import count, shape
from gptcli.reports.check import CheckedStep, CheckReport, Corner, Divergence

_BAD = "bold red"
_KINDS = {
    "value": "gives other numbers",
    "shape": "has another shape",
    "input": "reads something other than the output of the step before it",
    "random": "gives other numbers in every run",
    "not-finite": "gives NaN or infinity",
}


def check_text(report: CheckReport) -> Group:
    """Lay out what was compared, then the first thing that departs, with both values and what explains it."""
    assert report.config is not None
    parts: list[RenderableType] = [model_line(report.config), _facts(report), ""]
    if report.findings:
        parts += [findings_text(report.findings), ""]
    if report.steps:
        parts += [_steps(report.steps), ""]
    return Group(*parts, *_verdict(report))


def _facts(report: CheckReport) -> Text:
    names = f"names as in {label_of(report.layout)}"
    tokens = len(report.input_ids[0])
    run = f"{tokens} token{'s' if tokens > 1 else ''}, and in reverse order, in {report.dtype}, seed {report.seed}"
    facts = f"{count(report.parameters)} parameters, {names}; run on {run}"
    return Text.assemble((printable(report.target), TITLE), "  ", (facts, QUIET))


def _steps(steps: list[CheckedStep]) -> PlainTable:
    """One line a step up to the first that departs; blocks that agree are folded."""
    table = plain_table(wrap=True, too_narrow="names above")
    table.padding = (0, 1, 0, 0)
    table.add_column("Step")
    table.add_column("Path", style=PATH, no_wrap=True)
    table.add_column("Shape", no_wrap=True)
    table.add_column("Difference", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for step in _folded(steps):
        verdict = Text("ok", style=TOTAL) if step.ok else Text("OFF", style=_BAD)
        table.add_row(step.label, step.path, shape(step.shape), _number(step.difference), verdict)
    return table


def _folded(steps: list[CheckedStep]) -> Iterator[CheckedStep]:
    """Yield the steps up to the first that departs, and one in place of each block in which none does."""
    last = next((place for place, step in enumerate(steps) if not step.ok), len(steps) - 1)
    departing = _block(steps[last].path) if not steps[last].ok else ""
    for block, group in groupby(steps[: last + 1], key=lambda step: _block(step.path)):
        inside = list(group)
        if block in ("", departing):
            yield from inside
        else:
            worst = max(inside, key=lambda step: (step.difference or 0) / (step.tolerance or 1))
            yield CheckedStep(
                path=block,
                label=f"Transformer block: {len(inside)} steps",
                module="",
                side="out",
                shape=inside[-1].shape,
                expected_shape=inside[-1].expected_shape,
                difference=worst.difference,
                tolerance=worst.tolerance,
                ok=True,
            )


def _block(path: str) -> str:
    """``h.3.attn.c_attn`` -> ``h.3``; empty outside the blocks."""
    pieces = path.split(".")
    return ".".join(pieces[:2]) if pieces[1:] and pieces[1].isdecimal() else ""


def _verdict(report: CheckReport) -> Iterator[RenderableType]:
    divergence = report.first_divergence
    if divergence is None:
        if report.ok:
            message = f"All {len(report.steps)} steps that can be seen agree: this is the network of the config."
            yield Text(message, style=TOTAL)
    elif divergence.label == "Parameter" and divergence.kind == "not-finite":
        message = "holds NaN or infinity, though no step of this run shows it."
        yield Text(f"{printable(divergence.path)} {message}", style=_BAD)
    elif divergence.label == "Gradient":
        yield Text(f"Gradient of {printable(divergence.path)}: {divergence.hint}.", style=_BAD)
    elif divergence.kind in _KINDS:
        yield from _departure(divergence)
    else:
        first = printable(divergence.path)
        yield Text(f"Its parameters do not fit, first of all {first}; nothing else was compared.", style=_BAD)
    if report.looks_ahead:
        message = "It looks ahead: changing the last token changes the outputs of the tokens before it."
        yield Text(message, style=_BAD)


def _departure(divergence: Divergence) -> Iterator[RenderableType]:
    head = Text.assemble(
        (f"First departs: {divergence.label} ", _BAD), (divergence.path, PATH), (f" {_KINDS[divergence.kind]}.", _BAD)
    )
    yield head
    if divergence.module:
        seen = {"in": "input", "out": "output"}[divergence.side]
        what = "the dropout in " if divergence.at_dropout else ""
        yield Text(f"Seen at the {seen} of {what}{divergence.module}.", style=QUIET)
    if divergence.expected is not None and divergence.found is not None:
        yield ""
        yield _both(divergence.expected, divergence.found)
        if divergence.kind not in ("shape", "not-finite"):
            largest, tolerance = _number(divergence.difference), _number(divergence.tolerance)
            yield Text(f"The largest difference is {largest}; up to {tolerance} counts as equal.", style=QUIET)
    yield ""
    if divergence.hint is None:
        yield Text("No known mistake reproduces it.")
    else:
        yield Text.assemble(("Probably: ", ACCENT), divergence.hint, ".")


def _both(expected: Corner, found: Corner) -> Group:
    """Return the numbers of both, side by side, or below each other where there is no room."""
    corners = [(f"{name}, {shape(each.shape)}", each) for name, each in (("expected", expected), ("found", found))]
    parts: list[RenderableType] = [Narrowing((partial(_beside, corners), partial(_below, corners)))]
    if any(expected.first):
        place = "[" + ", ".join(map(str, expected.first)) + "]"
        parts.append(Text(f"from {place} on", style=QUIET))
    return Group(*parts)


def _beside(corners: Sequence[tuple[str, Corner]]) -> PlainTable:
    table = plain_table(wrap=True)
    for heading, _ in corners:
        table.add_column(heading, no_wrap=True)
    table.add_row(*(_numbers(corner) for _, corner in corners))
    return table


def _below(corners: Sequence[tuple[str, Corner]]) -> PlainTable:
    table = plain_table(header=False, wrap=True)
    table.add_column(no_wrap=True)
    for heading, corner in corners:
        table.add_row(Text(heading, style=QUIET))
        table.add_row(_numbers(corner))
    return table


def _numbers(corner: Corner) -> str:
    return "\n".join(" ".join(f"{_value(number):>9}" for number in row) for row in corner.values)


def _value(number: float | None) -> str:
    return "nan" if number is None else f"{number:.5g}"


def _number(number: float | None) -> str:
    if number is None:
        return "-"
    return "0" if number == 0 else f"{number:.2g}"
