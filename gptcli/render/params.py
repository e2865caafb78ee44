"""``gptcli params`` as text."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from gptcli.architecture.network import INDEX
from gptcli.architecture.paths import is_layer, names_in
from gptcli.config import ModelConfig
from gptcli.render.console import PATH, QUIET, TITLE, TOTAL, plain_table
from gptcli.render.folds import kind_title
from gptcli.render.layout import Hanging
from gptcli.render.model_line import model_line
from gptcli.render.table import first_that_fits
from gptcli.render.units import count, shape, share
from gptcli.reports.params import ParamsReport, PartRow

if TYPE_CHECKING:
    from gptcli.render.table import PlainTable

_WIDE = 96  # columns from which the count of one block has room beside the total
_GROUP_LEVELS = 3  # network, block, layers; below are single tensors
_NUMBERS = "numbers"  # those of a kind's layers, in its path
# What a screen that is too narrow goes without, the least of it first.
_WITHOUT: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({_NUMBERS}),
    frozenset({_NUMBERS, "In one"}),
    frozenset({_NUMBERS, "In one", "Path"}),
    frozenset({_NUMBERS, "In one", "Path", "Share"}),
    frozenset({_NUMBERS, "In one", "Path", "Share", "Shape"}),
)

_FIGURE: dict[str, Any] = {"justify": "right", "no_wrap": True}
_COLUMNS: dict[str, dict[str, Any]] = {
    "Part": {},  # where even the last choice does not fit, its words are parted
    "Path": {"style": PATH, "no_wrap": True},
    "Shape": _FIGURE,
    "In one": _FIGURE,
    "Parameters": _FIGURE,
    "Share": _FIGURE,
}


def params_text(report: ParamsReport, depth: int, why: str | None = None) -> Group:
    """Lay out the answers to what was asked; without a question about conventions, the count part by part.

    Args:
        report: the count.
        depth: of the parts; see `ParamsText`.
        why: the number whose origin was asked for, as it was typed.
    """
    parts: list[RenderableType] = []
    if report.conventions is not None:
        from gptcli.render.conventions import conventions_text

        parts += [conventions_text(report), ""]
    if why is not None:
        from gptcli.render.conventions import why_text

        parts += [why_text(report, why), ""]
    parts = parts or [ParamsText(report, depth), ""]
    if report.explanations is not None:
        from gptcli.render.explanations import explanations_text

        parts += [explanations_text(report.explanations), ""]
    return Group(*parts[:-1])


class ParamsText:
    """The count part by part, then both totals and what lies between them.

    Args:
        report: the count.
        depth: 1 shows the parts of the network, 2 those of a block, 3 the layers, 4 the single tensors.
    """

    def __init__(self, report: ParamsReport, depth: int) -> None:
        assert report.config is not None
        self._report = report
        self._config = report.config
        self._depth = depth

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay out for the width at hand."""
        choices = _WITHOUT if options.max_width >= _WIDE else _WITHOUT[2:]
        yield model_line(self._config)
        yield ""
        yield first_that_fits(self._tables(choices), console, options)
        yield ""
        yield _explanation(self._report, self._config)

    def _tables(self, choices: Sequence[frozenset[str]]) -> Iterator["PlainTable"]:
        yield from (self._table(without) for without in choices)
        yield self._table(choices[-1], wrap=True)

    def _table(self, without: frozenset[str], *, wrap: bool = False) -> "PlainTable":
        table = plain_table(wrap=wrap)
        table.padding = (0, 1 if "In one" in without else 2, 0, 0)
        rows = [row for part in self._report.parts for row in self._rows(part, level=1, wrap=wrap, without=without)]
        total = Text(count(self._report.total), style=TOTAL)
        rows.append({"Part": Text("Total", style=TOTAL), "Parameters": total, "Share": "100.0%"})
        shown = [name for name in _COLUMNS if name not in without]
        for name in shown:
            table.add_column(name, **_COLUMNS[name])
        for number, row in enumerate(rows, start=1):
            if number == len(rows):
                table.add_section()
            table.add_row(*(row.get(name, "") for name in shown))
        return table

    def _rows(
        self, part: PartRow, *, level: int, wrap: bool, without: frozenset[str]
    ) -> Iterator[dict[str, RenderableType]]:
        """Yield a part's row by columns, then those of its parts as deep as was asked."""
        indent = "  " * (level - 1)
        label = kind_title(part.path, part.label, part.times) if is_layer(part.path) else part.label
        if "bias" in part.shapes and not _equal_shapes(part):
            label += " + bias"
        if part.tied_to:
            label += f" = {part.tied_to}"
        words = Text(label, style=TITLE if level == 1 else "")
        yield {
            "Part": Hanging(indent, f"{indent}  ", words) if wrap else Text(indent).append_text(words),
            "Path": _last_name(part.path, numbers=_NUMBERS not in without),
            "Shape": _shape(part),
            "In one": count(part.count) if part.times > 1 else "",
            "Parameters": count(part.total),
            "Share": share(part.total, self._report.total),
        }
        if level >= self._depth:
            return
        for child in part.parts:
            yield from self._rows(child, level=level + 1, wrap=wrap, without=without)
        if self._depth > _GROUP_LEVELS and not part.tied_to:
            for tensor in _tensors(part):
                yield from self._rows(tensor, level=level + 1, wrap=wrap, without=without)


def _last_name(path: str, *, numbers: bool) -> str:
    """Return the name of a part; of a kind of layer that of the layers, with numbers where there are other kinds."""
    if not is_layer(path):
        return names_in(path)[-1]
    return path if numbers and not path.endswith(INDEX) else names_in(path)[-2]


def _equal_shapes(part: PartRow) -> bool:
    return len(set(part.shapes.values())) == 1


def _shape(part: PartRow) -> str:
    if not part.shapes:
        return ""
    sizes = part.shapes["weight"] if "weight" in part.shapes else next(iter(part.shapes.values()))
    alike = len(part.shapes) if _equal_shapes(part) else 1
    return shape((alike, *sizes) if alike > 1 else sizes)


def _tensors(part: PartRow) -> list[PartRow]:
    """Return a layer's tensors as parts of their own."""
    from math import prod

    if len(part.shapes) < 2:  # a single tensor is the layer's own row already
        return []
    return [
        PartRow(f"{part.path}.{n}", n, {"weight": s}, prod(s), part.times, None, []) for n, s in part.shapes.items()
    ]


def _explanation(report: ParamsReport, config: ModelConfig) -> Group:
    totals = report.totals
    head = Text("The token embedding and the output head are both ")
    head.append(shape((config.vocab_size, config.emb_dim)), style=TITLE)
    head.append(f" = {count(totals.untied - totals.tied)}:")
    lines: list[RenderableType] = [head]
    width = len(count(totals.untied))
    for tying, word, number, why in (
        (False, "untied", totals.untied, "each has a weight of its own"),
        (True, "tied", totals.tied, "the head is the embedding, counted once"),
    ):
        chosen = tying == report.weight_tying
        figure = Text(f"  {word:<10} {count(number):>{width}}   ", style=TOTAL if chosen else "")
        reason = Text(f"{why}{' (this model)' if chosen else ''}", style="" if chosen else QUIET)
        lines.append(Hanging(figure, " " * figure.cell_len, reason))
    lines.append(Text(f"  {'difference':<10} {count(totals.untied - totals.tied):>{width}}"))
    if report.active != report.total:
        left_out = config.num_experts - config.num_experts_per_tok
        active = Text.assemble("Active per token ", (count(report.active), TOTAL), f": all but the {left_out} of ")
        active.append(f"{config.num_experts} routed experts that a token does not visit in a layer")
        lines += ["", active]
    return Group(*lines)
