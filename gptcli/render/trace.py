"""``gptcli trace`` as text: what each step did to the numbers, or the one view that was requested."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from gptcli.render.console import ACCENT, NUMBER, PATH, QUIET, TITLE, plain_table
from gptcli.render.flow_tree import BLOCK_DEPTH, Branch, flow_tree
from gptcli.render.folds import Fold
from gptcli.render.inputs import input_lines
from gptcli.render.layout import by_its_indent
from gptcli.render.model_line import model_line
from gptcli.render.predictions import losses, next_tokens, spelled
from gptcli.render.run_facts import Written, run_facts, weights_line, written_line
from gptcli.render.step_figures import figure, mean_figure, zero_share
from gptcli.render.table import Narrowing, PlainTable, first_that_fits
from gptcli.render.tokens import TokenOf, visible_token
from gptcli.render.units import count, scaled, shape, short_seconds
from gptcli.reports.flow import FlowReport
from gptcli.reports.trace import LensRow, TraceReport

_FIGURE: dict[str, Any] = {"justify": "right", "no_wrap": True}
_WIDE = 100  # columns from which the path of each step is shown
_COLUMNS: dict[str, dict[str, Any]] = {
    "Step": {},
    "Path": {"no_wrap": True, "style": PATH},
    "Shape": {"no_wrap": True},
    "Mean": _FIGURE,
    "Dev.": _FIGURE,
    "Min": _FIGURE,
    "Max": _FIGURE,
    "Zeros": _FIGURE,
    "Time": _FIGURE | {"min_width": 6},
    "Bytes": _FIGURE,
}


class _Choice(NamedTuple):
    """How much a table shows: blanks in a shape or not, the columns left out."""

    spaced: bool
    without: frozenset[str] = frozenset()

    def without_path(self) -> "_Choice":
        """Return the same without the paths."""
        return self._replace(without=self.without | {"Path"})


# What a screen that is too narrow goes without, the least of it first.
_CHOICES = (
    _Choice(True),
    _Choice(False),
    _Choice(False, frozenset({"Bytes"})),
    _Choice(False, frozenset({"Bytes", "Zeros"})),
    _Choice(False, frozenset({"Bytes", "Zeros", "Time"})),
    _Choice(False, frozenset({"Bytes", "Zeros", "Time", "Shape"})),
)


class Shown(NamedTuple):
    """What of a trace is shown: the blocks, or None for the first of each kind; and how deep groups are opened."""

    blocks: Sequence[int] | None
    depth: int


def trace_text(
    report: TraceReport, shown: Shown, token_of: TokenOf, *, saved: Written | None = None, page: Written | None = None
) -> Group:
    """Lay out what was asked for; without a question, every step.

    Args:
        report: the run.
        shown: which of it.
        token_of: looks up the tokens of ids.
        saved: the file that all tensors were written to.
        page: the page that was written.
    """
    assert report.config is not None
    parts: list[RenderableType] = [model_line(report.config), "", *input_lines(report, token_of), ""]
    answers: list[RenderableType] = [*_tensor(report), *_maps(report), *_lens(report, token_of)]
    if answers:
        line = weights_line(report.weights, report.seed, "every number is chance")
        parts += [*answers, *_saved(saved), line]
        return Group(*parts)
    notes = [*_notes(report, stars=shown.depth > BLOCK_DEPTH), ""]
    below = [*next_tokens(report, token_of), *losses(report, token_of), *run_facts(report, saved, page)]
    return Group(*parts, StepsTable(report, shown), "", *notes, *below)


def paths_text(report: FlowReport) -> PlainTable:
    """List the path of every step with the words for it, a line each."""
    table = plain_table(header=False)
    table.add_column(style=PATH)
    table.add_column()
    for step in report.steps:
        table.add_row(step.path, step.label)
    return table


def _saved(file: Written | None) -> list[RenderableType]:
    return [Text.assemble("saved  ", written_line(file)), ""] if file is not None else []


class StepsTable:
    """The steps with their figures, in as many columns as the width at hand has room for."""

    def __init__(self, report: TraceReport, shown: Shown) -> None:
        self._report = report
        self._shown = shown
        self._steps = {step.path: step for step in report.steps}
        folded = shown.blocks is None or (len(report.blocks) == 1 and list(shown.blocks) == [0])
        self._tree = flow_tree(report, None if folded else shown.blocks)
        self._times = _times(report)
        self._last = {step.block: step for step in report.steps}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Leave columns out before a figure is cut."""
        yield first_that_fits(self._tables(path=options.max_width >= _WIDE), console, options)

    def _tables(self, *, path: bool) -> Iterator[PlainTable]:
        choices = [choice if path else choice.without_path() for choice in _CHOICES]
        yield from (self._table(choice) for choice in choices)
        yield self._table(choices[-1], wrap=True)

    def _table(self, choice: _Choice, *, wrap: bool = False) -> PlainTable:
        table = plain_table(wrap=wrap)
        table.padding = (0, 0, 0, 0)
        names = [name for name in _COLUMNS if name not in choice.without]
        for name in names:
            table.add_column(name, **_COLUMNS[name])
        for row in self._rows(choice):
            step = by_its_indent(row["Step"]) if wrap else row["Step"]
            table.add_row(step, *(row.get(name, "") for name in names[1:]))
        return table

    def _rows(self, choice: _Choice) -> Iterator[dict[str, Text]]:
        for node in self._tree:
            if node.fold is None:
                yield self._row(node, 0, choice)
                yield from self._parts(node, 1, choice)
                continue
            yield self._block_row(node, node.fold, choice)
            if self._shown.depth >= BLOCK_DEPTH:
                yield from self._inside(node, 1, choice)

    def _inside(self, node: Branch, level: int, choice: _Choice) -> Iterator[dict[str, Text]]:
        for part in node.parts:
            yield self._row(part, level, choice)
            yield from self._parts(part, level + 1, choice)

    def _parts(self, node: Branch, level: int, choice: _Choice) -> Iterator[dict[str, Text]]:
        if self._shown.depth > BLOCK_DEPTH:
            yield from self._inside(node, level, choice)

    def _block_row(self, node: Branch, fold: Fold, choice: _Choice) -> dict[str, Text]:
        """Return the title of blocks; where no steps of theirs are shown, with the figures of their output."""
        opened = fold.drawn and self._shown.depth >= BLOCK_DEPTH
        several = fold.drawn and fold.times > 1
        title = node.title if several or not fold.drawn else f"{node.label} {count(fold.first)}"
        last = fold.first if opened or fold.whole else fold.first + fold.times - 1
        time = sum(self._times[block] for block in range(fold.first, last + 1))
        row = self._row(node._replace(step=self._last[last]), 0, choice)
        if opened:
            row = {"Path": Text(node.step.path.rpartition(".")[0], style=PATH)}
            row |= {"Shape": Text(f"block {count(fold.first)}", style=QUIET)} if several else {}
        style = TITLE if fold.drawn else ""
        return row | {"Step": Text(title, style=style), "Time": Text(short_seconds(time), style=style)}

    def _row(self, node: Branch, level: int, choice: _Choice) -> dict[str, Text]:
        step = self._steps[node.step.path]
        bad = step.path == self._report.first_not_finite
        numbers = shape(step.shape)
        return {
            "Step": Text(f"{'  ' * level}{node.label}{'*' if step.ignored else ''}", style=ACCENT if bad else ""),
            "Shape": Text(numbers if choice.spaced else numbers.replace(" ", ""), style=NUMBER),
            "Path": Text(step.path, style=PATH),
            "Mean": Text(mean_figure(step)),
            "Dev.": Text(figure(step.std)),
            "Min": Text(figure(step.min)),
            "Max": Text(figure(step.max)),
            "Zeros": Text(zero_share(step)),
            "Time": Text(short_seconds(step.seconds)),
            "Bytes": Text(scaled(step.bytes), style=QUIET),
        }


def _times(report: TraceReport) -> dict[int, float]:
    """Return the seconds of each block."""
    times: dict[int, float] = {}
    for step in report.steps:
        if step.block is not None and not step.group:
            times[step.block] = times.get(step.block, 0) + step.seconds
    return times


def _notes(report: TraceReport, *, stars: bool) -> Iterator[RenderableType]:
    yield Text(f"{short_seconds(report.steps_seconds)} for all steps of all blocks", style=QUIET)
    if stars and any(step.ignored for step in report.steps):
        yield Text("* without the -inf that the mask puts there on purpose", style=QUIET)
    if report.pad_id is not None:
        yield Text("The figures include the padding.", style=QUIET)
    yield _finding(report)


def _finding(report: TraceReport) -> Text:
    step = next((step for step in report.steps if step.path == report.first_not_finite), None)
    if step is None:
        return Text("No NaN and no infinity anywhere.", style=QUIET)
    what = {"nan": "NaN", "inf": "Infinity", "-inf": "Minus infinity"}[step.not_finite or "nan"]
    text = Text.assemble((f"{what} first appears in ", ACCENT), (step.path, PATH), (f", {step.label}", ACCENT))
    reads = ", ".join(step.reads)
    return text.append(f"; what it reads, {reads}, is still finite.", style=QUIET)


def _tensor(report: TraceReport) -> Iterator[RenderableType]:
    if report.tensor is None:
        return
    step = next(step for step in report.steps if step.path == report.tensor.path)
    title = Text.assemble((step.label, TITLE), "  ", (step.path, PATH), f"  {shape(report.tensor.shape)}")
    yield title
    yield Text(report.tensor.text, no_wrap=True)
    yield ""


def _maps(report: TraceReport) -> Iterator[RenderableType]:
    if report.attention_maps is None:
        return
    from gptcli.render.attention_map import AttentionMapText, legend

    for each in report.attention_maps:
        yield AttentionMapText(each, report.text_tokens[each.text], many_texts=len(report.text_tokens) > 1)
        yield ""
    yield legend()
    yield ""


def _lens(report: TraceReport, token_of: TokenOf) -> Iterator[RenderableType]:
    if report.logit_lens is None:
        return
    for number, tokens in enumerate(report.text_tokens):
        which = f" of text {number + 1}" if len(report.text_tokens) > 1 else ""
        after = visible_token(tokens[-1])
        yield Text.assemble((f"What the output head gives{which}, after ", TITLE), (after, ACCENT))
        yield Narrowing(partial(_lens_table, report.logit_lens, number, token_of, then=then) for then in (True, False))
        yield ""


def _lens_table(rows: Sequence[LensRow], number: int, token_of: TokenOf, *, then: bool) -> PlainTable:
    table = plain_table()
    table.add_column("Behind", no_wrap=True)
    table.add_column("Top token", no_wrap=True)
    table.add_column("Probability", **_FIGURE)
    if then:
        table.add_column("Then", no_wrap=True)
    for row in rows:
        first, *others = row.next_tokens[number]
        place = "embeddings" if row.block is None else f"block {row.block}"
        probability = f"{100 * first.probability:.3f}%"
        more = [Text("  ".join(spelled(each, token_of) for each in others[:2]), style=QUIET)] if then else []
        table.add_row(place, Text(spelled(first, token_of), style=ACCENT), probability, *more)
    return table
