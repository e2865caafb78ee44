"""``gptcli checkpoint`` as text."""

from collections.abc import Sequence
from functools import partial

from rich.console import Group, RenderableType
from rich.text import Text

from gptcli.checkpoints.gguf_report import LABEL
from gptcli.checkpoints.layouts import label_of
from gptcli.config.printable import printable
from gptcli.render.console import PATH, QUIET, TOTAL, plain_table
from gptcli.render.findings import STYLES, findings_text
from gptcli.render.layout import pairs
from gptcli.render.model_line import model_line
from gptcli.render.table import Narrowing, PlainTable
from gptcli.render.units import binary, both, count, shape
from gptcli.reports.checkpoint import CheckpointReport, ConvertReport, GgufFacts, TensorStats
from gptcli.reports.finding import DEPARTS


def checkpoint_text(report: CheckpointReport) -> Group:
    """Lay out what a checkpoint is, then what there is to know about it, the worst first."""
    parts: list[RenderableType] = []
    if report.config is not None:
        parts += [model_line(report.config), ""]
    if report.gguf is not None:
        parts += [_gguf_facts(report, report.gguf), "", _types(report.gguf), ""]
    elif report.format is not None:
        parts += [_facts(report), ""]
    if report.stats is not None:
        prefixes = ("", _common_prefix([each.path for each in report.stats]))
        parts += [Narrowing(partial(_stats, report.stats, prefix) for prefix in prefixes), ""]
    return Group(*parts, *_findings(report))


def _facts(report: CheckpointReport) -> Group:
    rows: list[tuple[Text | str, Text | str]] = []
    files = f" in {len(report.files)} files" if len(report.files) > 1 else ""
    rows.append(("checkpoint", Text(f"{report.path}  ({report.format}{files})")))
    rows.append(("layout", label_of(report.layout) if report.layout else "unknown"))
    if report.layout:
        rows.append(("matrices", "(in, out), as Conv1D" if report.transposed else "(out, in), as torch.nn.Linear"))
    rows.append(("config", _config_source(report)))
    rows.append(("tensors", f"{count(report.tensors)}, {_dtypes(report)}"))
    rows.append(("parameters", Text(count(report.parameters), style=TOTAL)))
    rows.append(("weights", both(report.weights_bytes)))
    if report.buffer_bytes:
        rows.append(("mask buffers", both(report.buffer_bytes)))
    rows.append(("size of files" if report.headers_only else "size on disk", both(report.total_bytes)))
    return pairs(rows)


def _gguf_facts(report: CheckpointReport, facts: GgufFacts) -> Group:
    order = "" if facts.byte_order == "little" else ", big-endian"
    rows: list[tuple[Text | str, Text | str]] = [
        ("checkpoint", Text(f"{report.path}  (gguf version {facts.version}{order})")),
        ("layout", LABEL),
        ("architecture", facts.architecture or "not said"),
        ("name", Text(facts.name or "not said")),
        ("keys", count(facts.keys)),
        ("tensors", count(report.tensors)),
        ("parameters", Text(count(report.parameters), style=TOTAL)),
        ("weights", both(report.weights_bytes)),
    ]
    if report.buffer_bytes:
        rows.append(("rotation factors", both(report.buffer_bytes)))
    rows.append(("size on disk", both(report.total_bytes)))
    return pairs(rows)


def _types(facts: GgufFacts) -> PlainTable:
    table = plain_table()
    table.add_column("Type", no_wrap=True)
    for heading in ("Tensors", "Numbers", "Size", "Bits each"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in facts.types:
        bits = f"{8 * row.bytes / row.numbers:.4g}" if row.numbers and row.bytes else "-"
        table.add_row(row.type, count(row.tensors), count(row.numbers), binary(row.bytes), bits)
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


def _stats(stats: list[TensorStats], prefix: str) -> PlainTable:
    """Return the figures of each tensor; what is common to all names stands above them where there is no room."""
    table = plain_table(too_narrow="names above")
    table.padding = (0, 1, 0, 0)
    table.add_column(f"{printable(prefix)}..." if prefix else "Tensor", style=PATH, no_wrap=True)
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
        lines += [findings_text(report.findings), ""]
    errors = sum(finding.severity == "error" for finding in report.findings)
    if errors:
        verdict = Text(f"Cannot be used as it is: {errors} error{'s' if errors > 1 else ''}.", style=STYLES["error"])
    elif report.gguf is not None:
        verdict = Text("Can be used by llama.cpp, as far as its header says.", style=TOTAL)
    else:
        verdict = Text("Can be used, by its headers." if report.headers_only else "Can be used.", style=TOTAL)
    lines.append(verdict)
    if report.gguf is not None:
        lines.append(Text("Of a GGUF file the header alone is read.", style=QUIET))
    elif report.headers_only:
        lines.append(Text("Only headers were read, at the Hub: what the numbers hold was not looked at.", style=QUIET))
    elif report.total_bytes and report.read_bytes < report.weights_bytes:
        message = f"Of the numbers only a sample was looked at ({both(report.read_bytes)}); --stats reads all."
        lines.append(Text(message, style=QUIET))
    return lines


def converted_text(report: ConvertReport) -> Group:
    """Say what was written, and where the other program computes something else; the rest is noted on stderr."""
    parts: list[RenderableType] = []
    if report.config is not None:
        parts += [model_line(report.config), ""]
    rows: list[tuple[Text | str, Text | str]] = [
        ("from", f"{report.path}  ({label_of(report.layout)})"),
        ("to", f"{report.target}  ({label_of(report.target_layout)})"),
        ("tensors", f"{count(report.tensors)}, {both(report.bytes)}"),
    ]
    parts.append(pairs(rows))
    for finding in report.findings:
        if finding.kind != DEPARTS:
            continue
        parts += ["", Text.assemble((f"{finding.severity}: ", STYLES[finding.severity]), printable(finding.message))]
    return Group(*parts)
