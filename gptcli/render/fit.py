"""``gptcli fit`` as text."""

from rich.console import Group
from rich.text import Text

from gptcli.render.console import QUIET, TOTAL, plain_table
from gptcli.render.model_line import model_line
from gptcli.render.table import PlainTable
from gptcli.render.units import count, scaled
from gptcli.reports import FitReport

_WORDS = {"batch": "texts at once", "seq": "tokens in a text", "layers": "layers", "width": "wide"}


def fit_text(report: FitReport) -> Group:
    """The answer, the first value that does not fit, and a table of batch sizes and sequence lengths."""
    assert report.config is not None
    head = Text.assemble((f"{count(report.answer)} {_WORDS[report.variable]}", TOTAL))
    head.append(f"  fit into {scaled(report.budget_bytes)}: {report.mode} in {report.dtype} peaks at ")
    head.append(scaled(report.peak_bytes), style=TOTAL)
    following = ""
    if report.next_value is not None and report.next_peak_bytes is not None:
        following = f"{count(report.next_value)} would take {scaled(report.next_peak_bytes)}."
    note = Text("+ fits, - does not. Peaks are the ledger's of 'gptcli memory'.", style=QUIET)
    return Group(model_line(report.config), "", head, Text(following, style=QUIET), "", _table(report), "", note)


def _table(report: FitReport) -> PlainTable:
    lengths = sorted({cell.seq_len for cell in report.table})
    table = plain_table(too_narrow="in groups")
    table.add_column("Batch", justify="right")
    for length in lengths:
        table.add_column(f"T = {count(length)}", justify="right", no_wrap=True)
    for batch in sorted({cell.batch_size for cell in report.table}):
        cells = [cell for cell in report.table if cell.batch_size == batch]
        row = [
            Text(f"{scaled(cell.peak_bytes)} {'+' if cell.fits else '-'}", style="green" if cell.fits else "red")
            for cell in cells
        ]
        table.add_row(str(batch), *row)
    return table
