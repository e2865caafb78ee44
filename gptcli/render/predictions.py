"""What the network says comes next, and how well it predicts what did."""

from rich.console import RenderableType
from rich.text import Text

from gptcli.render.console import plain_table
from gptcli.render.styles import ACCENT, QUIET, TOTAL
from gptcli.render.table import PlainTable
from gptcli.render.tokens import TokenOf, visible_token
from gptcli.render.units import count, significant
from gptcli.reports.forward import ForwardReport, NextToken, TextLoss

_MAX_LOSSES = 64
_PERPLEXITY_DIGITS = 4


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
        token = spelled(candidate, token_of)
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


def spelled(candidate: NextToken, token_of: TokenOf) -> str:
    """Return the text of a candidate made visible, its id where nothing says it, or that there is no such token."""
    return visible_token(token_of(candidate.id))
