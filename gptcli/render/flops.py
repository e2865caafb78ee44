"""``gptcli flops`` as text."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from gptcli.architecture.paths import is_indexed, is_layer, names_in
from gptcli.render.console import QUIET, TITLE, TOTAL, plain_table
from gptcli.render.flops_conventions import conventions_lines
from gptcli.render.folds import kind_title
from gptcli.render.layout import beside_or_below, by_its_indent
from gptcli.render.model_line import ROUTING, model_line
from gptcli.render.table import PlainTable, first_that_fits
from gptcli.render.units import count, share, short_flops
from gptcli.reports.flops import FlopsReport, FlopsRow

_FIGURE: dict[str, Any] = {"justify": "right", "no_wrap": True}
_COLUMNS: dict[str, dict[str, Any]] = {
    "Part": {},
    "In one": _FIGURE,
    "FLOPs": _FIGURE,
    "Share": _FIGURE,
}
_WITHOUT = (frozenset[str](), frozenset({"In one"}), frozenset({"In one", "Share"}))


def flops_text(report: FlopsReport, tokens_per_second: float | None = None, peak_tflops: float | None = None) -> Group:
    """Lay out passes, parts, conventions, generation, and how well a machine is used.

    Args:
        report: the count.
        tokens_per_second: the training speed that the report's MFU is about, or None.
        peak_tflops: the machine's peak in 10^12 FLOPs/s, or None.
    """
    assert report.config is not None
    parts: list[RenderableType] = [
        model_line(report.config),
        "",
        Text.assemble((short_flops(report.forward_flops), TOTAL), f"  a forward pass over {_texts(report)}"),
        Text("A multiply-add is two; matrix products only.", style=QUIET),
        *([Text(ROUTING, style=QUIET)] if report.routing else []),
        "",
        _passes(report),
        "",
        PartsTable(report),
        "",
        *conventions_lines(report),
        "",
        *_generation(report),
    ]
    if report.mfu is not None and tokens_per_second is not None and peak_tflops is not None:
        parts += ["", *_utilization(report, report.mfu, tokens_per_second, peak_tflops)]
    if report.explanations is not None:
        from gptcli.render.explanations import explanations_text

        parts += ["", explanations_text(report.explanations)]
    return Group(*parts)


def _texts(report: FlopsReport) -> str:
    texts = f"{count(report.batch_size)} texts" if report.batch_size > 1 else "1 text"
    return f"{texts} of {count(report.seq_len)} token{'s' if report.seq_len > 1 else ''}"


def _passes(report: FlopsReport) -> Group:
    linear, scores = (share(n, report.forward_flops) for n in (report.linear_flops, report.attention_flops))
    rows = (
        ("forward", report.forward_flops, "linear layers + attention"),
        ("  linear layers", report.linear_flops, linear),
        ("  attention", report.attention_flops, f"{scores}, scores and weighted sums of values"),
        ("backward", report.backward_flops, "2 x forward: gradients of inputs and of weights"),
        ("training", report.training_flops, "forward + backward"),
        ("  per token", report.training_flops_per_token, "training / tokens"),
        ("causal-exact", report.causal_forward_flops, "forward without the pairs that the causal mask hides"),
    )
    return _figures(rows)


def _figures(rows: tuple[tuple[str, int, str], ...]) -> Group:
    names, numbers = max(len(name) for name, _, _ in rows), max(len(count(number)) for _, number, _ in rows)
    lines = []
    for name, number, note in rows:
        figure = Text.assemble(f"{name:<{names}}  ", (f"{count(number):>{numbers}}", TITLE), "  ")
        lines.append(beside_or_below(figure, Text(note, style=QUIET)))
    return Group(*lines)


class PartsTable:
    """Forward FLOPs part by part, in as many columns as the width at hand has room for."""

    def __init__(self, report: FlopsReport) -> None:
        self._report = report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Leave columns out before a figure is cut."""
        yield first_that_fits(self._tables(), console, options)

    def _tables(self) -> Iterator[PlainTable]:
        yield from (self._table(without) for without in _WITHOUT)
        yield self._table(_WITHOUT[-1], wrap=True)

    def _table(self, without: frozenset[str], *, wrap: bool = False) -> PlainTable:
        table = plain_table(wrap=wrap)
        shown = [name for name in _COLUMNS if name not in without]
        for name in shown:
            table.add_column("Forward pass" if name == "Part" else name, **_COLUMNS[name])
        for row in self._rows():
            part = by_its_indent(row["Part"]) if wrap else row["Part"]
            table.add_row(part, *(row[name] for name in shown[1:]))
        table.add_section()
        total = {"Part": Text("Total", style=TOTAL), "FLOPs": Text(count(self._report.forward_flops), style=TOTAL)}
        table.add_row(*(total.get(name, "100.0%" if name == "Share" else "") for name in shown))
        return table

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each group that has FLOPs, before those of its steps."""
        groups = dict(self._report.groups)
        for row in self._report.parts:
            for group in [path for path in groups if row.path.startswith(f"{path}.")]:
                below = [each for each in self._report.parts if each.path.startswith(f"{group}.")]
                yield self._row(group, groups.pop(group), below)
            yield self._row(row.path, row.label, [row])

    def _row(self, path: str, label: str, below: list[FlopsRow]) -> dict[str, Any]:
        one, times = sum(row.flops for row in below), below[0].times
        level = len(names_in(path)) - (2 if is_indexed(path) else 1)
        label = kind_title(path, label, times) if is_layer(path) else label
        return {
            "Part": Text("  " * level + label, style="" if level else TITLE),
            "In one": count(one) if times > 1 else "",
            "FLOPs": count(one * times),
            "Share": share(one * times, self._report.forward_flops),
        }


def _generation(report: FlopsReport) -> list[RenderableType]:
    each = "a further token of each text" if report.batch_size > 1 else "a further token"
    rows = (
        ("prefill", report.prefill_flops, f"the prompt, {_texts(report)}, in one pass"),
        ("decode", report.decode_flops, f"{each}: one query against {count(report.seq_len)} cached keys"),
    )
    times = report.prefill_flops / report.decode_flops
    note = f"Without the cache each token would take the whole pass again, {times:,.0f} times as much."
    return [Text("Generation with a KV cache", style=TITLE), _figures(rows), Text(note, style=QUIET)]


def _utilization(report: FlopsReport, mfu: float, tokens_per_second: float, peak_tflops: float) -> list[RenderableType]:
    head = Text.assemble((f"{100 * mfu:.2f}%", TOTAL), "  model FLOPs utilization (MFU), of the matrix products")
    per_token = count(report.training_flops_per_token)
    sum_ = f"{tokens_per_second:,.10g} tokens/s x {per_token} FLOPs a token / {peak_tflops:,.10g} TFLOPS"
    lines: list[RenderableType] = [head, Text(sum_, style=QUIET)]
    if mfu > 1:
        lines.append(Text("More than the machine can do: check the speed, the peak and the number format it is for."))
    return lines
