"""``gptcli forward`` as text: what goes in, what happens to its shape, what comes out."""

from collections.abc import Iterator
from functools import partial
from itertools import groupby, takewhile

from rich.console import Group, RenderableType
from rich.text import Text

from gptcli.render.console import PATH, QUIET, TITLE, TOTAL, plain_table
from gptcli.render.folds import folds
from gptcli.render.inputs import input_lines
from gptcli.render.model_line import model_line
from gptcli.render.predictions import losses, next_tokens
from gptcli.render.run_facts import Written, run_facts
from gptcli.render.table import Narrowing, PlainTable
from gptcli.render.tokens import TokenOf
from gptcli.render.units import count, shape
from gptcli.reports.forward import ForwardReport, Stage


def forward_text(report: ForwardReport, token_of: TokenOf, *, saved: Written | None = None) -> Group:
    """Lay out a forward pass from top to bottom: ids, stages, logits, guesses, facts.

    Args:
        report: the run.
        token_of: looks up the tokens of ids, for showing them.
        saved: the file that ids and logits were written to.
    """
    assert report.config is not None
    parts: list[RenderableType] = [
        model_line(report.config),
        "",
        *input_lines(report, token_of),
        "",
        Narrowing(partial(_stages, report, spaced=spaced, path=path) for spaced, path in _STAGES),
        "",
        *_logits(report),
        "",
        *next_tokens(report, token_of),
        *losses(report, token_of),
        *run_facts(report, saved),
    ]
    return Group(*parts)


# Blanks in a shape or not, the paths or not: what a screen that is too narrow goes without.
_STAGES = ((True, True), (False, True), (False, False))


def _stages(report: ForwardReport, *, spaced: bool, path: bool) -> PlainTable:
    table = plain_table()
    table.add_column("Step", no_wrap=True)
    if path:
        table.add_column("Path", style=PATH, no_wrap=True)
    table.add_column("Shape", no_wrap=True)
    for words, where, sizes in _stage_rows(report, spaced=spaced):
        table.add_row(words, *([where] if path else []), sizes)
    return table


def _stage_rows(report: ForwardReport, *, spaced: bool) -> Iterator[tuple[Text, Text, Text]]:
    """Yield words, path and shape of what stands once and of the first block of each kind."""
    inside = {block: list(stages) for block, stages in groupby(report.stages, lambda stage: stage.block)}
    before = list(takewhile(lambda stage: not stage.repeated, report.stages))
    after = [stage for stage in report.stages if not stage.repeated][len(before) :]
    yield from (_stage_row(stage, report, spaced=spaced) for stage in before)
    shapes: dict[str, Text] = {}  # by the kind of block, of its output
    for fold in folds(report.blocks):
        if not fold.drawn:
            yield Text(fold.title), Text(fold.path), shapes[fold.kind]
            continue
        yield Text(fold.title, style=TITLE), Text(fold.path), Text()
        rows = [_stage_row(stage, report, spaced=spaced) for stage in inside[fold.first] if _depth(stage) <= 1]
        shapes[fold.kind] = rows[-1][-1]
        yield from rows
    yield from (_stage_row(stage, report, spaced=spaced) for stage in after)


def _stage_row(stage: Stage, report: ForwardReport, *, spaced: bool) -> tuple[Text, Text, Text]:
    sizes = _stage_shape(stage, report, spaced=spaced)
    return Text("  " * _depth(stage) + stage.label), Text(_short_path(stage)), sizes


def _short_path(stage: Stage) -> str:
    return stage.path.split(".", 2)[2] if stage.repeated else stage.path


def _depth(stage: Stage) -> int:
    return stage.path.count(".") - 1 if stage.repeated else 0


def _stage_shape(stage: Stage, report: ForwardReport, *, spaced: bool) -> Text:
    final = stage is report.stages[-1]
    sizes = shape(stage.shape) if spaced else shape(stage.shape).replace(" ", "")
    return Text(sizes, style=TOTAL if final else "")


def _logits(report: ForwardReport) -> list[RenderableType]:
    head = Text.assemble("Logits  ", (shape(report.logits.shape), TOTAL))
    head.append("  a score for every vocabulary entry, at each token", style=QUIET)
    if len(report.lengths) > 1:
        head.append("\n  those of text 1:", style=QUIET)
    preview = report.logits.preview
    rows = Narrowing(partial(_logit_rows, report, shown) for shown in range(len(preview.first[0]), 0, -1))
    more = report.lengths[0] - len(preview.first)
    if more <= 0:
        return [head, rows]
    positions = "position" if more == 1 else "positions"
    return [head, rows, Text(f"  ... {count(more)} more {positions}", style=QUIET)]


def _logit_rows(report: ForwardReport, shown: int) -> PlainTable:
    """Return the scores of each token for so many of the first and of the last vocabulary entries."""
    preview = report.logits.preview
    gap = report.logits.shape[-1] > 2 * shown
    rows = plain_table(header=False)
    rows.add_column(style=QUIET, justify="right")
    for _ in range(min(report.logits.shape[-1], 2 * shown) + gap):
        rows.add_column(justify="right")
    for position, (first, last) in enumerate(zip(preview.first, preview.last, strict=True)):
        numbers = [*map(_logit, first[:shown]), *(["..."] if gap else []), *map(_logit, last[-shown:])]
        rows.add_row(f"  {position}", *numbers)
    return rows


def _logit(value: float) -> str:
    return f"{value:.4f}"
