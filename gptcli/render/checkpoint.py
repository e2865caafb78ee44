"""``gptcli checkpoint`` as text."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gptcli.checkpoints.layouts import LAYOUTS
from gptcli.config.printable import printable
from gptcli.render.console import ACCENT, PATH, QUIET, TITLE, TOTAL, plain_table
from gptcli.render.model_line import model_line
from gptcli.render.units import both, count, shape
from gptcli.reports import CheckpointReport, ConvertReport, Finding, TensorStats

_STYLES = {"error": "bold red", "warning": ACCENT, "note": PATH}


def checkpoint_text(report: CheckpointReport) -> Group:
    """Lay out what a checkpoint is, then what there is to know about it, the worst first."""
    parts: list[RenderableType] = []
    if report.config is not None:
        parts += [model_line(report.config), ""]
    if report.format is not None:
        parts += [_facts(report), ""]
    if report.stats is not None:
        parts += [_stats(report.stats), ""]
    return Group(*parts, *_findings(report))


def _facts(report: CheckpointReport) -> Table:
    table = plain_table(header=False, wrap=True)
    table.add_column(style=QUIET, no_wrap=True)
    table.add_column(overflow="fold")
    files = f" in {len(report.files)} files" if len(report.files) > 1 else ""
    table.add_row("checkpoint", Text(f"{report.path}  ({report.format}{files})"))
    table.add_row("layout", LAYOUTS[report.layout].label if report.layout else "unknown")
    if report.layout:
        table.add_row("matrices", "(in, out), as Conv1D" if report.transposed else "(out, in), as torch.nn.Linear")
    table.add_row("config", _config_source(report))
    table.add_row("tensors", f"{count(report.tensors)}, {_dtypes(report)}")
    table.add_row("parameters", Text(count(report.parameters), style=TOTAL))
    table.add_row("weights", both(report.weights_bytes))
    if report.buffer_bytes:
        table.add_row("mask buffers", both(report.buffer_bytes))
    table.add_row("size on disk", both(report.total_bytes))
    return table


def _config_source(report: CheckpointReport) -> Text:
    if report.config_source is None:
        return Text("not found, and not to be read off the shapes")
    if report.config_source == "shapes":
        return Text("inferred from the shapes of the tensors")
    return Text(f"from {report.config_source}")


def _dtypes(report: CheckpointReport) -> str:
    if len(report.dtypes) == 1:
        return f"all weights {next(iter(report.dtypes))}"
    return ", ".join(f"{count(amount)} {dtype}" for dtype, amount in report.dtypes.items())


def _stats(stats: list[TensorStats]) -> Table:
    prefix = _common_prefix([each.path for each in stats])
    table = plain_table(wrap=True)
    table.padding = (0, 1, 0, 0)
    table.add_column(f"{printable(prefix)}..." if prefix else "Tensor", style=PATH, overflow="fold")
    table.add_column("Shape", justify="right", no_wrap=True)
    for heading in ("Mean", "Std", "Min", "Max"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in stats:
        numbers = (each.mean, each.std, each.min, each.max)
        cells = ("-" if n is None else f"{n:.3g}" for n in numbers)
        table.add_row(printable(each.path.removeprefix(prefix)), shape(each.shape), *cells)
    return table


def _common_prefix(paths: Sequence[str]) -> str:
    """Return the first word of all names, where they share it: it is said once."""
    first = paths[0].partition(".")[0] + "." if paths else ""
    return first if len(paths) > 1 and all(path.startswith(first) for path in paths) else ""


def _findings(report: CheckpointReport) -> list[RenderableType]:
    lines: list[RenderableType] = []
    if report.findings:
        table = plain_table(header=False, wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for finding in report.findings:
            table.add_row(Text(finding.severity, style=_STYLES[finding.severity]), _finding(finding))
        lines += [table, ""]
    errors = sum(finding.severity == "error" for finding in report.findings)
    if errors:
        verdict = Text(f"Cannot be used as it is: {errors} error{'s' if errors > 1 else ''}.", style=_STYLES["error"])
    else:
        verdict = Text("Can be used.", style=TOTAL)
    lines.append(verdict)
    if report.total_bytes and report.read_bytes < report.weights_bytes:
        told = f"Of the numbers only a sample was looked at ({both(report.read_bytes)}); --stats reads all."
        lines.append(Text(told, style=QUIET))
    return lines


def _finding(finding: Finding) -> Text:
    if not finding.path:
        return Text(printable(finding.message))
    return Text.assemble((printable(finding.path), TITLE), "\n", printable(finding.message))


def converted_text(report: ConvertReport) -> Group:
    """Say what was written, and where the other program computes something else."""
    parts: list[RenderableType] = []
    if report.config is not None:
        parts += [model_line(report.config), ""]
    table = plain_table(header=False, wrap=True)
    table.add_column(style=QUIET, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("from", Text(f"{report.path}  ({LAYOUTS[report.layout].label})"))
    table.add_row("to", Text(f"{report.target}  ({LAYOUTS[report.target_layout].label})"))
    table.add_row("tensors", f"{count(report.tensors)}, {both(report.bytes)}")
    parts.append(table)
    for finding in report.findings:
        parts += ["", Text.assemble((f"{finding.severity}: ", _STYLES[finding.severity]), printable(finding.message))]
    return Group(*parts)
