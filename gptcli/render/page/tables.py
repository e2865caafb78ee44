"""The steps and the symbols as tables: the page without its script, and for those who read rather than look."""

from collections.abc import Iterator, Sequence

from gptcli.architecture.axes import MEANING
from gptcli.render.page.charts import scrolled
from gptcli.render.page.facts import shape, template
from gptcli.render.page.markup import Html, tag
from gptcli.render.page.words import kind_of
from gptcli.render.step_figures import figure, mean_figure, zero_share
from gptcli.render.units import count, scaled, short_flops, short_seconds, symbol_text
from gptcli.reports.flow import FlowReport, FlowStep
from gptcli.reports.trace import TraceReport, TraceStep

_DESCRIBED = ("Step", "Path", "Output", "Formula", "Parameters", "FLOPs", "Bytes")
_MEASURED = ("Mean", "Deviation", "Least", "Largest", "Zeros", "Time")


def steps_table(report: FlowReport | TraceReport) -> Html:
    """Return every step; without a run the blocks are all alike, so one stands for all."""
    traced = isinstance(report, TraceReport)
    headings = _DESCRIBED + (_MEASURED if traced else ())
    shown = report.steps if traced else [step for step in report.steps if not step.block]
    head = tag("thead", tag("tr", *(tag("th", heading, scope="col") for heading in headings)))
    bodies = (_body(block, steps, report, len(headings)) for block, steps in _runs(shown))
    return scrolled(tag("table", head, *bodies, class_="steps"), "every step", tall=True)


def _runs(steps: Sequence[FlowStep]) -> Iterator[tuple[int | None, list[FlowStep]]]:
    """Yield the steps in order, those of each block and those between blocks together."""
    run: list[FlowStep] = []
    for step in steps:
        if run and run[0].block != step.block:
            yield run[0].block, run
            run = []
        run.append(step)
    yield run[0].block, run


def _body(block: int | None, steps: Sequence[FlowStep], report: FlowReport | TraceReport, columns: int) -> Html:
    rows = [_row(step, traced=isinstance(report, TraceReport)) for step in steps]
    if block is not None:
        label, times = report.block.label, report.block.times
        words = (
            f"{label} {block}" if isinstance(report, TraceReport) else f"{count(times)} \u00d7 {label}, each like this"
        )
        rows.insert(0, tag("tr", tag("th", words, scope="rowgroup", colspan=columns), class_="head"))
    return tag("tbody", *rows)


def _row(step: FlowStep, *, traced: bool) -> Html:
    path = step.path if traced else template(step.path, step.block)
    cells = [
        tag("th", tag("span", class_=f"swatch {kind_of(step.operation).family}"), step.label, scope="row"),
        tag("td", tag("code", path)),
        tag("td", tag("code", f"{symbol_text(step.symbols)} = {shape(step.shape)}")),
        tag("td", tag("code", step.formula)),
        tag("td", count(step.parameters) if step.parameters else ""),
        tag("td", short_flops(step.flops) if step.flops else ""),
        tag("td", scaled(step.bytes)),
    ]
    if isinstance(step, TraceStep):
        figures = (mean_figure(step), figure(step.std), figure(step.min), figure(step.max))
        cells += [tag("td", words) for words in (*figures, zero_share(step), short_seconds(step.seconds))]
    level = path.count(".") - (1 if step.block is not None else 0)
    kind = "group" if step.group else f"level{level}"
    return tag("tr", *cells, class_=kind, data_path=step.path)


def symbols_list(report: FlowReport | TraceReport) -> Html:
    """Return what the letters of a shape stand for, and their values here."""
    shown = [symbol for symbol in MEANING if symbol in report.sizes]
    entries = (
        tag("div", tag("dt", tag("code", s)), tag("dd", tag("code", f"= {report.sizes[s]:,}"), " ", MEANING[s]))
        for s in shown
    )
    return tag("dl", *entries, class_="symbols")
