"""``gptcli memory`` as text."""

from collections.abc import Sequence
from functools import partial

from rich.console import Group, RenderableType
from rich.text import Text

from gptcli.architecture.formats import format_named
from gptcli.architecture.parts.part import part_kind
from gptcli.render.bars import bar
from gptcli.render.budget import budget_line, headroom_note
from gptcli.render.console import QUIET, TITLE, TOTAL, plain_table
from gptcli.render.layout import by_its_indent
from gptcli.render.ledger import largest_and_rest
from gptcli.render.model_line import ROUTING, model_line
from gptcli.render.optimizer_notes import optimizer_notes
from gptcli.render.run_line import run_line
from gptcli.render.table import Narrowing, PlainTable
from gptcli.render.units import binary, count, decimal, share
from gptcli.reports.memory import DtypeRow, LedgerLine, MemoryReport, PhasePeak

_BARS = (30, 20, 10)  # columns of the longest bar, as there is room
_DTYPE_COLUMNS = ((True, True), (False, True), (False, False))  # megabytes beside mebibytes, and bits, likewise


def memory_text(report: MemoryReport) -> Group:
    """Open with the weights in the format asked for; then the peak, what is alive at it, and when it falls."""
    assert report.config is not None
    parts: list[RenderableType] = [
        model_line(report.config),
        "",
        *_weights(report),
        "",
        *_at_peak(report),
        "",
        Narrowing(partial(_dtypes, report, megabytes=mb, bits=bits) for mb, bits in _DTYPE_COLUMNS),
        "",
        Text(_note(report), style=QUIET),
    ]
    if report.explanations is not None:
        from gptcli.render.explanations import explanations_text

        parts += ["", explanations_text(report.explanations)]
    if report.budget is not None:
        parts += ["", budget_line(report.budget)]
    return Group(*parts)


def _at_peak(report: MemoryReport) -> list[RenderableType]:
    """Give the peak, what is alive at it and when it falls; or say that it is not known."""
    peak = report.peak_bytes
    if peak is None:
        cache = []
        if report.kv_cache_bytes is not None:
            cache = [
                Text.assemble((binary(report.kv_cache_bytes), TOTAL), f"  KV cache ({decimal(report.kv_cache_bytes)})")
            ]
        why = f"No peak is given: {report.peak_unknown}."
        return [*cache, Text(why, style=QUIET)]
    return [
        *_peak(report, peak),
        "",
        Narrowing(partial(_ledger, report.ledger, peak, tensors=tensors) for tensors in (True, False)),
        "",
        Narrowing(partial(_phases, report.phases, peak, longest) for longest in _BARS),
    ]


def _weights(report: MemoryReport) -> list[RenderableType]:
    head = Text.assemble((binary(report.weights_bytes), TOTAL), f"  weights in {report.dtype} ")
    head.append(f"({decimal(report.weights_bytes)})")
    bits = next(row.bits for row in report.dtypes if row.dtype == report.dtype)
    if report.weights_ledger is not None:
        parts = ", ".join(f"{_small(line.label)} {binary(line.bytes)}" for line in report.weights_ledger)
        return [head, Text(f"{count(report.parameters)} parameters, {bits:.2f} bits each: {parts}", style=QUIET)]
    each = f"{bits / 8:g} byte{'' if bits == 8 else 's'}"
    sum_ = f"{count(report.parameters)} parameters x {each} = {count(report.weights_bytes)} bytes"
    return [head, Text(sum_, style=QUIET), *_trained(report)]


def _trained(report: MemoryReport) -> list[RenderableType]:
    """Say how many parameters are trained, where adapters are."""
    if report.lora_rank is None or report.trained_parameters is None:
        return []
    fraction = f"{report.trained_parameters / report.parameters:.2%}"
    return [Text(f"{count(report.trained_parameters)} of them are trained, {fraction}", style=QUIET)]


def _small(label: str) -> str:
    """``Scales of the weights`` -> ``scales``, in words that follow the weights' own line."""
    return label.removesuffix(" of the weights").replace("Weights left", "left").lower().replace("weights", "numbers")


_WHAT = {"inference": "a forward pass", "training": "a training step", "generate": "generation"}


def _peak(report: MemoryReport, peak: int) -> list[RenderableType]:
    head = Text.assemble((binary(peak), TOTAL), f"  peak of {_WHAT[report.mode]} ")
    head.append(f"({decimal(peak)}), in its {report.peak_phase} phase")
    cache = [] if report.kv_cache_bytes is None else [_cache(report, report.kv_cache_bytes)]
    return [head, Text(run_line(report, cache), style=QUIET)]


def _cache(report: MemoryReport, bytes_: int) -> str:
    other = f" in {report.kv_dtype}" if report.kv_dtype != report.activation_dtype else ""
    return f"KV cache {binary(bytes_)}{other}"


def _ledger(lines: Sequence[LedgerLine], peak: int, *, tensors: bool) -> PlainTable:
    table = plain_table(wrap=True)
    table.add_column("Alive at the peak")
    for heading in ("Tensors", "Size", "Share") if tensors else ("Size", "Share"):
        table.add_column(heading, justify="right", no_wrap=True)
    shown, rest = largest_and_rest(lines, peak)
    rows = [(Text(line.label), line.tensors, line.bytes) for line in shown]
    if rest:
        names = rest[0].label if len(rest) == 1 else f"{len(rest)} smaller ones"
        together = sum(line.tensors for line in rest), sum(line.bytes for line in rest)
        rows.append((Text(names, style=QUIET), *together))
    for name, number, size in rows:
        cells = [*([count(number)] if tensors else []), binary(size), share(size, peak)]
        table.add_row(by_its_indent(name), *cells)
    table.add_section()
    total = Text(binary(peak), style=TOTAL)
    table.add_row(Text("Total", style=TOTAL), *([""] if tensors else []), total, "100.0%")
    return table


def _phases(phases: Sequence[PhasePeak], peak: int, longest: int) -> PlainTable:
    table = plain_table(too_narrow="names above")
    table.add_column("Phase", no_wrap=True)
    table.add_column("Highest in it", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    for phase in phases:
        here = phase.peak_bytes == peak
        style = TOTAL if here else ""
        drawn = Text(bar(phase.peak_bytes, peak, longest), style="green" if here else "cyan")
        table.add_row(Text(phase.phase, style=style), drawn, Text(binary(phase.peak_bytes), style=style))
    return table


def _dtypes(report: MemoryReport, *, megabytes: bool, bits: bool) -> PlainTable:
    assert report.config is not None
    columns = {"Weights in": True, "Bits": bits, "Untied": True, "": megabytes, "Tied": True, " ": megabytes}
    table = plain_table()
    for name, shown in columns.items():
        if shown:
            table.add_column(name.strip(), justify="left" if name == "Weights in" else "right", no_wrap=True)
    for row in report.dtypes:
        cells = _cells(row, chosen=row.dtype == report.dtype, tied=report.config.weight_tying)
        table.add_row(*(cell for cell, shown in zip(cells, columns.values(), strict=True) if shown))
    return table


def _cells(row: DtypeRow, *, chosen: bool, tied: bool) -> list[Text]:
    """Return a row's cells; the weights asked for stand out, MB is the quiet second reading of MiB."""
    cells = [Text(row.dtype, style=TITLE if chosen else ""), Text(f"{row.bits:.3g}")]
    for is_tied, size in ((False, row.untied_bytes), (True, row.tied_bytes)):
        style = TOTAL if chosen and is_tied == tied else ""
        cells += [Text(binary(size), style=style), Text(decimal(size), style=QUIET)]
    return cells


def _note(report: MemoryReport) -> str:
    lines = ["1 MiB = 2^20 bytes, 1 MB = 10^6. Tied: the output head is the token embedding."]
    if report.mode == "generate":
        lines.append("prefill: a prompt of that length, read at once; decode: its last token alone.")
    if report.weights_ledger is not None:
        chosen = format_named(report.dtype)
        assert chosen is not None
        lines.append(f"{report.dtype}: bytes as in {chosen.source}. Products run in {report.activation_dtype}.")
    if report.mode == "generate" and report.kv_dtype != report.activation_dtype:
        lines.append(f"The cache holds numbers in {report.kv_dtype} alone: no scales, and no copy in another format.")
    if report.device == "cuda":
        lines.append("CUDA's rules are estimated, not measured.")
    if report.lora_rank is not None:
        lines.append(
            "Adapters are trained, all else is frozen. They have the dtype of the weights, as peft's with "
            "autocast_adapter_dtype=False, and no dropout. Where query, key and value are one layer, they have one "
            "adapter."
        )
    lines += [ROUTING] if report.routing else []
    lines += [*optimizer_notes(report), _whose(report), _left_out(report)]
    if report.budget is not None:
        lines.append(headroom_note(report.budget.headroom_bytes or 0, report.budget.unit, report.device))
    return "\n".join(lines)


def _whose(report: MemoryReport) -> str:
    fused, apart = (_called(report, how) for how in ("fused", "composite"))
    found = [f"{fused[0]} is one fused call"] if len(fused) == 1 else []
    found += [f"{' and '.join(fused)} are one fused call each"] if len(fused) > 1 else []
    several = "the several calls that torch makes of it on the CPU"
    found += [f"{' and '.join(apart)} {several if fused else f'is {several}'}"] if apart else []
    calls = ", ".join(found)
    return (
        f"The peak is of gptcli's own network: {calls}, and no block stores a causal mask. A network that writes them "
        "out and stores its masks, as the lecture's does, takes more."
    )


def _called(report: MemoryReport, how: str) -> list[str]:
    """Return the names of norms and activations that torch computes so."""
    assert report.config is not None
    activation = report.config.activation
    names = {"activation": "GELU" if activation in ("gelu", "gelu_tanh") else part_kind(activation).called}
    return [names.get(kind) or part_kind(kind).called for kind, made in report.kernels.items() if made == how]


def _left_out(report: MemoryReport) -> str:
    if report.process_bytes is None:
        return (
            "Not counted: the card's context, hundreds of MiB that depend on card and driver; what the caching "
            "allocator rounds up and keeps; scratch inside kernels."
        )
    return (
        f"Not counted: Python and torch themselves, some {report.process_bytes >> 20} MiB; gaps that the allocator "
        "leaves between tensors, more or fewer by its settings; scratch inside kernels."
    )
