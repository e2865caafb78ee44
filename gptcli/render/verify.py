"""``gptcli verify`` as text."""

from rich.console import Group
from rich.text import Text

from gptcli.render.console import QUIET, TOTAL, plain_table
from gptcli.render.model_line import model_line
from gptcli.render.units import binary, count, seconds
from gptcli.reports import VerifyReport

_BAD = "bold red"


def verify_text(report: VerifyReport) -> Group:
    """One line a figure: estimate, measurement, error, verdict."""
    assert report.config is not None
    table = plain_table(too_narrow="names above")
    table.padding = (0, 1, 0, 0)
    table.add_column("Figure", no_wrap=True)
    for heading in ("Estimated", "Measured"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("Error", "Limit"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for check in report.checks:
        verdict = Text("ok", style=TOTAL) if check.ok else Text("OFF", style=_BAD)
        error = "0" if check.error == 0 else f"{check.error:+.3%}"
        allowed = "0" if check.tolerance == 0 else f"{check.tolerance:.1%}"
        table.add_row(check.name, count(check.estimated), count(check.measured), error, allowed, verdict)
    off = [check.name for check in report.checks if not check.ok]
    verdict_line = (
        Text(f"All {len(report.checks)} figures hold.", style=TOTAL)
        if report.ok
        else Text(f"Off: {', '.join(off)}.", style=_BAD)
    )
    return Group(model_line(report.config), "", table, "", verdict_line, Text(_how(report), style=QUIET))


def _how(report: VerifyReport) -> str:
    where = f"{report.device} ({report.device_name})" if report.device_name else report.device
    tensors = "on fake tensors" if report.quick else f"on {where}"
    size = f"{report.batch_size} x {report.seq_len} tokens, {report.dtype}"
    lines = [f"Measured {tensors} in {seconds(report.seconds)}: {size}."]
    lines.append("FLOPs by torch's own counter, on the explicit attention path.")
    if report.workspace_bytes:
        lines.append(f"Taken off the peaks: {binary(report.workspace_bytes)} that libraries keep on the card.")
    return "\n".join(lines)
