"""``gptcli fit`` as text."""

from rich.console import Group
from rich.text import Text

from gptcli.render.budget import budget_words, headroom_note
from gptcli.render.console import QUIET, TOTAL, plain_table
from gptcli.render.model_line import model_line
from gptcli.render.optimizer_notes import optimizer_notes
from gptcli.render.run_line import run_line
from gptcli.render.table import PlainTable
from gptcli.render.units import BYTE_SCALES, count, decimals_apart, in_unit, sized
from gptcli.reports.fit import FitReport

_WORDS = {"batch": "text{s} at once", "seq": "token{s} in a text", "layers": "layer{s}"}


def value_words(value: int, variable: str) -> str:
    """``(7, "batch")`` -> ``7 texts at once``."""
    if variable == "width":
        return f"a width of {count(value)}"
    return f"{count(value)} {_WORDS[variable].format(s='' if value == 1 else 's')}"


def verb_ending(value: int, variable: str) -> str:
    """Return what a verb takes after those words: ``1 text at once fits``, ``7 texts at once fit``."""
    return "s" if variable == "width" or value == 1 else ""


def fit_text(report: FitReport) -> Group:
    """The answer, the first value that does not fit, and a table of batch sizes and sequence lengths."""
    assert report.config is not None
    notes = [
        f"Peaks in {report.unit}: + fits into the budget less its headroom, - does not.",
        *optimizer_notes(report),
        "'gptcli memory' says what such a peak holds, and what it leaves out.",
    ]
    return Group(
        model_line(report.config),
        "",
        _answer(report),
        Text(run_line(report), style=QUIET),
        Text(_next(report), style=QUIET),
        Text(headroom_note(report.headroom_bytes, report.unit, report.device), style=QUIET),
        "",
        _table(report),
        "",
        Text("\n".join(notes), style=QUIET),
    )


def _answer(report: FitReport) -> Text:
    fits = f"fit{verb_ending(report.answer, report.variable)}"
    how = "with --amp" if report.amp else f"in {report.dtype}"
    head = Text.assemble((value_words(report.answer, report.variable), TOTAL))
    head.append(f"  {fits} into {budget_words(report.budget_bytes, report.unit)}: {report.mode} {how} peaks at ")
    head.append(sized(report.peak_bytes, report.unit, _decimals(report)), style=TOTAL)
    return head


def _decimals(report: FitReport) -> int:
    """Return the decimals that show the peak below what there is, and the next value's above it."""
    sizes = [report.peak_bytes, report.budget_bytes - report.headroom_bytes]
    if report.next_peak_bytes is not None:
        sizes.append(report.next_peak_bytes)
    return decimals_apart(sizes, BYTE_SCALES[report.unit])


def _next(report: FitReport) -> str:
    words = _heads(report) if report.variable == "width" else ""
    if report.next_value is None or report.next_peak_bytes is None:
        largest = f"{count(report.answer)} is the largest value that is tried"
        return f"{words}The search ends there: {largest}, and more may fit."
    steps = f", in steps of {count(report.step)}" if report.step > 1 else ""
    if report.step != report.multiple_of:
        steps += f": multiples of {count(report.multiple_of)} that split into such heads"
    peak = sized(report.next_peak_bytes, report.unit, _decimals(report))
    return f"{words}{count(report.next_value)} would take {peak}{steps}."


def _heads(report: FitReport) -> str:
    assert report.config is not None
    heads = report.config.n_heads
    return f"{count(heads)} head{'' if heads == 1 else 's'} of {count(report.answer // heads)}. "


def _table(report: FitReport) -> PlainTable:
    """Batch sizes by sequence lengths."""
    lengths = sorted({cell.seq_len for cell in report.table})
    table = plain_table(too_narrow="in groups")
    table.add_column("Batch", justify="right")
    for length in lengths:
        table.add_column(f"T = {count(length)}", justify="right", no_wrap=True)
    cells = {(cell.batch_size, cell.seq_len): cell for cell in report.table}
    for batch in sorted({cell.batch_size for cell in report.table}):
        row = [cells[batch, length] for length in lengths]
        sizes = [f"{in_unit(cell.peak_bytes, BYTE_SCALES[report.unit])} {'+' if cell.fits else '-'}" for cell in row]
        styles = ["green" if cell.fits else "red" for cell in row]
        table.add_row(str(batch), *map(Text, sizes, styles))
    return table
