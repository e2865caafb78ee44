"""``gptcli forward`` as text: what goes in, what happens to its shape, what comes out."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from gptcli.architecture.network import INDEX
from gptcli.checkpoints.layouts import LAYOUTS
from gptcli.config.printable import printable
from gptcli.render.console import ACCENT, NUMBER, PATH, QUIET, TITLE, TOTAL, plain_table
from gptcli.render.layout import pairs
from gptcli.render.model_line import attention_words, model_line
from gptcli.render.table import Narrowing, PlainTable
from gptcli.render.tokens import Chips, visible_token
from gptcli.render.units import binary, count, seconds, shape, significant
from gptcli.reports.forward import ForwardReport, NextToken, Stage, TextLoss
from gptcli.reports.tokens import Token
from gptcli.reports.weights_file import WeightsFile

TokenOf = Callable[[int], Token]

_MAX_LOSSES = 64
_PERPLEXITY_DIGITS = 4
_MAX_IDS = 64  # a screen holds no more of them beside what follows


class Written(NamedTuple):
    """A file that was written: its name as it was given, and its bytes."""

    path: str
    bytes: int


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
        *facts(report, saved),
    ]
    return Group(*parts)


def input_lines(report: ForwardReport, token_of: TokenOf) -> list[RenderableType]:
    """Return the tokens and ids of each text, and the shape of the batch."""
    lines: list[RenderableType] = []
    for ids, length in zip(report.input_ids, report.lengths, strict=True):
        lines.append(Chips([token_of(token_id) for token_id in ids[:length]]))
        row = Text(f"  {' '.join(map(str, ids[: min(length, _MAX_IDS)]))}", style=NUMBER)
        if length > _MAX_IDS:
            row.append(f" ... and {count(length - _MAX_IDS)} more; --json prints all", style=QUIET)
        lines.append(row.append(f" + {len(ids) - length} padding", style=QUIET) if length < len(ids) else row)
    sizes = (len(report.input_ids), len(report.input_ids[0]))
    lines.append(Text.assemble("token ids  ", (shape(sizes), TITLE), ("  (texts x tokens)", QUIET)))
    if report.pad_id is not None:
        note = f"Padded on the right with id {report.pad_id}, which the causal mask hides from the text."
        lines.append(Text(note, style=QUIET))
    return lines


# Blanks in a shape or not, the paths or not: what a screen that is too narrow goes without.
_STAGES = ((True, True), (False, True), (False, False))


def _stages(report: ForwardReport, *, spaced: bool, path: bool) -> PlainTable:
    assert report.config is not None
    table = plain_table()
    table.add_column("Step", no_wrap=True)
    if path:
        table.add_column("Path", style=PATH, no_wrap=True)
    table.add_column("Shape", no_wrap=True)
    in_block = False
    for stage in report.stages:
        if stage.repeated and not in_block:
            blocks = f"{report.config.n_layers} x Transformer block"
            paths = [Text(f"{stage.path.partition('.')[0]}.{INDEX}", style=PATH)] if path else []
            table.add_row(Text(blocks, style=TITLE), *paths, "")
        in_block = stage.repeated
        if _depth(stage) <= 1:
            short = [_short_path(stage)] if path else []
            sizes = _stage_shape(stage, report, spaced=spaced)
            table.add_row("  " * _depth(stage) + stage.label, *short, sizes)
    return table


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


def next_tokens(report: ForwardReport, token_of: TokenOf) -> list[RenderableType]:
    """Return the candidates of each text."""
    parts: list[RenderableType] = []
    for number, candidates in enumerate(report.next_tokens):
        last = token_of(report.input_ids[number][report.lengths[number] - 1])
        which = f" of text {number + 1}" if len(report.next_tokens) > 1 else ""
        title = Text(f"Most likely next tokens{which}, after ")
        parts += [title.append(visible_token(last), style=ACCENT), _candidates(candidates, token_of), ""]
    return parts


def _candidates(candidates: list[NextToken], token_of: TokenOf) -> PlainTable:
    table = plain_table(header=False)
    for justify in ("right", "left", "right", "right"):
        table.add_column(justify=justify)
    for candidate in candidates:
        token = visible_token(token_of(candidate.id)) if candidate.text is not None else "(no such token)"
        facts = (f"logit {candidate.logit:.4f}", f"{100 * candidate.probability:.3f}%")
        table.add_row(f"  {candidate.id}", Text(token, style=ACCENT), *facts)
    return table


def losses(report: ForwardReport, token_of: TokenOf) -> list[RenderableType]:
    """Return how well each token was predicted, where it was asked for; of several texts their mean too."""
    parts: list[RenderableType] = []
    several = len(report.lengths) > 1
    for number, loss in enumerate(report.losses or (), 1):
        which = f" of text {number}" if several else ""
        parts += [_loss_line(which, loss.mean, loss.perplexity, len(loss.tokens)), _token_losses(loss, token_of)]
        more = len(loss.tokens) - _MAX_LOSSES
        parts += [Text(f"  ... and {count(more)} more; --json prints all", style=QUIET)] if more > 0 else []
        parts.append("")
    if several and report.loss is not None:
        assert report.tokens is not None
        parts += [_loss_line(" of all texts", report.loss, report.perplexity, report.tokens), ""]
    return parts


def _loss_line(which: str, mean: float, perplexity: float | None, tokens: int) -> Text:
    line = Text.assemble(f"Loss{which}  ", (f"{mean:.4f}", TOTAL))
    line.append(f"  mean of {count(tokens)}, in nats; perplexity exp(loss) = ", style=QUIET)
    return line.append(perplexity_words(perplexity), style=TOTAL)


def perplexity_words(value: float | None) -> str:
    """Return a perplexity to the digits that fp32 holds of it: as many as the four decimals of the loss say."""
    return "too large for a number" if value is None else significant(value, _PERPLEXITY_DIGITS)


def _token_losses(loss: TextLoss, token_of: TokenOf) -> PlainTable:
    table = plain_table()
    table.add_column("", justify="right", style=QUIET, no_wrap=True)
    for heading in ("Token", "Next token"):
        table.add_column(heading, no_wrap=True)
    for heading in ("Probability", "Loss"):
        table.add_column(heading, justify="right", no_wrap=True)
    for token in loss.tokens[:_MAX_LOSSES]:
        names = (Text(visible_token(token_of(i)), style=ACCENT) for i in (token.id, token.target_id))
        table.add_row(f"  {token.position}", *names, f"{100 * token.probability:.4f}%", f"{token.loss:.4f}")
    return table


def facts(report: ForwardReport, saved: Written | None, page: Written | None = None) -> list[RenderableType]:
    """Return what ran, where, for how long, and whose weights."""
    device = f"{report.device} ({report.device_name})" if report.device_name else report.device
    rows: list[tuple[Text | str, Text | str]] = []
    rows.append(("parameters", Text.assemble((count(report.parameters), TOTAL), f"  {binary(report.weights_bytes)}")))
    rows.append(("device", f"{device}, {report.dtype}, {attention_words(report.attention)}"))
    rows.append(("time", f"{seconds(report.build_seconds)} to build, {seconds(report.forward_seconds)} to run"))
    if report.dropout:
        rows.append(("dropout", f"on, as in training; {_masks(report)}"))
    rows += [(what, written_line(file)) for what, file in (("saved", saved), ("page", page)) if file is not None]
    return [pairs(rows), "", weights_line(report.weights, report.seed, "every guess is chance")]


def written_line(file: Written) -> Text:
    """Say what a written file is called and how large it is."""
    return Text.assemble((printable(file.path), PATH), f"  {binary(file.bytes)}")


def weights_line(weights: WeightsFile | None, seed: int, consequence: str) -> Text:
    """Say where the weights are from; of random ones, what follows until a model is trained."""
    if weights is None:
        return Text(f"Weights are random (seed {seed}): until a model is trained, {consequence}.", style=QUIET)
    layout = LAYOUTS[weights.layout].label
    return Text.assemble(("Weights of ", QUIET), (weights.path, PATH), (f", {layout}, {weights.format}", QUIET))


def _masks(report: ForwardReport) -> str:
    if (report.device, report.dtype, report.init) == ("cpu", "fp32", "torch"):
        return "the masks of a plain PyTorch network"
    return "masks differ from a plain PyTorch network's"
