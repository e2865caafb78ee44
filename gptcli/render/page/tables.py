"""The steps and the symbols as tables: the page without its script, and for readers of text."""

from collections.abc import Iterator, Sequence

from gptcli.architecture.axes import MEANING
from gptcli.render.flow_tree import symbol_values
from gptcli.render.folds import block_of, folds
from gptcli.render.page.charts import scrolled
from gptcli.render.page.facts import shape, shown_once, signed, template
from gptcli.render.page.markup import Html, tag
from gptcli.render.page.words import kind_of
from gptcli.render.step_figures import figure, mean_figure, zero_share
from gptcli.render.units import count, scaled, short_flops, short_seconds, symbol_text
from gptcli.reports.flow import FlowReport, FlowStep
from gptcli.reports.trace import TraceReport, TraceStep

_DESCRIBED = ("Step", "Path", "Output", "Formula", "Parameters", "FLOPs", "Bytes")
_MEASURED = ("Mean", "Deviation", "Least", "Largest", "Zeros", "Time")


def steps_table(report: FlowReport | TraceReport) -> Html:
    """Return every step; without a run the first block of a kind stands for all of it."""
    headings = _DESCRIBED + (_MEASURED if isinstance(report, TraceReport) else ())
    head = tag("thead", tag("tr", *(tag("th", heading, scope="col") for heading in headings)))
    bodies = (
        _body(words, steps, report, len(headings))
        for words, steps in (_traced(report) if isinstance(report, TraceReport) else _described(report))
    )
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


def _traced(report: TraceReport) -> Iterator[tuple[str, Sequence[FlowStep]]]:
    """Yield the words above steps, and the steps: every block, and what stands between blocks."""
    for block, steps in _runs(report.steps):
        yield "" if block is None else f"{block_of(report.blocks, block).label} {block}", steps


def _described(report: FlowReport) -> Iterator[tuple[str, Sequence[FlowStep]]]:
    """Yield the same of the blocks that stand for others."""
    runs = list(_runs(shown_once(report)))
    inside = {block: steps for block, steps in runs if block is not None}
    yield "", runs[0][1]
    for fold in folds(report.blocks):
        each = ", each like this" if fold.whole or fold.times > 1 else ""
        yield (signed(f"{fold.title}{each}"), inside[fold.first]) if fold.drawn else (signed(fold.title), [])
    yield "", runs[-1][1]


def _body(words: str, steps: Sequence[FlowStep], report: FlowReport | TraceReport, columns: int) -> Html:
    rows = [_row(step, report) for step in steps]
    if words:
        rows.insert(0, tag("tr", tag("th", words, scope="rowgroup", colspan=columns), class_="head"))
    return tag("tbody", *rows)


def _row(step: FlowStep, report: FlowReport | TraceReport) -> Html:
    path = step.path if isinstance(report, TraceReport) else template(step, report.blocks)
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
    level = step.path.count(".") - (1 if step.block is not None else 0)
    kind = "group" if step.group else f"level{level}"
    return tag("tr", *cells, class_=kind, data_path=step.path)


def symbols_list(report: FlowReport | TraceReport) -> Html:
    """Return what the letters of a shape stand for, and their values here."""
    values = symbol_values(report)
    shown = [symbol for symbol in MEANING if symbol in values]
    entries = (
        tag(
            "div",
            tag("dt", tag("code", s)),
            tag("dd", tag("code", f"= {' or '.join(map(count, values[s]))}"), " ", MEANING[s]),
        )
        for s in shown
    )
    return tag("dl", *entries, class_="symbols")
