"""What a run adds to the page: what the network would say next, after every block too, and where the time went."""

from collections import Counter
from collections.abc import Iterator, Sequence

from gptcli.render.page.charts import Slice, meter, scrolled, stacked
from gptcli.render.page.markup import Html, tag
from gptcli.render.page.words import FAMILIES, kind_of
from gptcli.render.predictions import perplexity_words
from gptcli.render.tokens import visible, visible_token
from gptcli.render.units import short_seconds
from gptcli.reports.forward import NextToken, TextLoss
from gptcli.reports.trace import LensRow, TraceReport

_NANOSECONDS = 10**9
_MAX_LOSSES = 256


def token_words(candidate: NextToken) -> str:
    """Return a candidate's text made visible."""
    return visible(candidate.text.encode()) if candidate.text is not None else f"(id {candidate.id})"


def predictions(report: TraceReport) -> Html:
    """Return the candidates for what comes next, a table with bars for each text."""
    chance = "" if report.weights else " The weights of this run are random, so every guess is chance."
    lead = (
        "The output head gives every entry of the vocabulary a score, its logit. Softmax makes probabilities of the "
        f"last token's scores; these are the largest.{chance}"
    )
    tables = [html for text, rows in enumerate(report.next_tokens) for html in _candidates(text, rows, report)]
    return tag("section", tag("h2", "What comes next", id="next"), tag("p", lead, class_="lead"), *tables,
               aria_labelledby="next")  # fmt: skip


def _candidates(text: int, candidates: Sequence[NextToken], report: TraceReport) -> Iterator[Html]:
    last = visible_token(report.text_tokens[text][-1])
    title = f"After {last}" if len(report.next_tokens) == 1 else f"Text {text + 1}, after {last}"
    most = max((each.probability for each in candidates), default=1.0) or 1.0
    rows = [
        tag(
            "tr",
            tag("th", tag("span", token_words(each), class_="chip plain"), scope="row"),
            tag("td", str(each.id)),
            tag("td", f"{each.logit:.4f}"),
            tag("td", f"{100 * each.probability:.3f}%"),
            tag("td", meter(each.probability / most), class_="bar-cell"),
        )
        for each in candidates
    ]
    headings = (tag("th", words, scope="col") for words in ("Token", "Id", "Logit", "Probability"))
    head = tag("thead", tag("tr", *headings, tag("td", "")))
    yield tag("h3", title)
    yield scrolled(tag("table", head, tag("tbody", *rows), class_="candidates"), title)


def lens(report: TraceReport) -> Html | None:
    """Return what the head would say after every block, where it was asked."""
    if not report.logit_lens:
        return None
    lead = (
        "If the final norm and the output head came right after a block, they would give this: the guess "
        "taking shape on its way up (the logit lens)."
    )
    tables = [html for text in range(len(report.next_tokens)) for html in _lens_table(text, report.logit_lens, report)]
    return tag("section", tag("h2", "The guess after every block", id="lens"), tag("p", lead, class_="lead"), *tables,
               aria_labelledby="lens")  # fmt: skip


def _lens_table(text: int, rows: Sequence[LensRow], report: TraceReport) -> Iterator[Html]:
    if len(report.next_tokens) > 1:
        yield tag("h3", f"Text {text + 1}")
    most = max((row.next_tokens[text][0].probability for row in rows), default=1.0) or 1.0
    body = [_lens_row(row, row.next_tokens[text], most) for row in rows]
    headings = (tag("th", words, scope="col") for words in ("After", "First guess", "Probability"))
    head = tag("tr", *headings, tag("td", ""), tag("th", "Then", scope="col"))
    yield scrolled(tag("table", tag("thead", head), tag("tbody", *body), class_="lens"), "the guess after every block")


def _lens_row(row: LensRow, candidates: Sequence[NextToken], most: float) -> Html:
    first, others = candidates[0], candidates[1:3]
    return tag(
        "tr",
        tag("th", "Embeddings" if row.block is None else f"Block {row.block}", scope="row"),
        tag("td", tag("span", token_words(first), class_="chip plain")),
        tag("td", f"{100 * first.probability:.3f}%"),
        tag("td", meter(first.probability / most), class_="bar-cell"),
        tag("td", *(tag("span", token_words(each), class_="chip plain faint") for each in others)),
    )


def losses(report: TraceReport) -> Html | None:
    """Return how well each token was predicted, where it was asked for."""
    if report.losses is None or report.loss is None:
        return None
    parts = [html for text, loss in enumerate(report.losses) for html in _loss(text, loss, report)]
    if len(report.losses) > 1:
        parts.append(tag("h3", _loss_words("All texts: loss", report.loss, report.perplexity)))
    return tag("section", tag("h2", "How well it was predicted", id="loss"), *parts, aria_labelledby="loss")


def _loss(text: int, loss: TextLoss, report: TraceReport) -> Iterator[Html]:
    title = f"Text {text + 1}: loss" if len(report.losses or ()) > 1 else "Loss"
    yield tag("h3", _loss_words(title, loss.mean, loss.perplexity))
    names = {token.id: visible_token(token) for tokens in report.text_tokens for token in tokens}
    rows = [
        tag(
            "tr",
            tag("th", tag("span", names.get(each.id, f"(id {each.id})"), class_="chip plain"), scope="row"),
            tag("td", names.get(each.target_id, f"id {each.target_id}")),
            tag("td", f"{100 * each.probability:.4f}%"),
            tag("td", f"{each.loss:.4f}"),
        )
        for each in loss.tokens[:_MAX_LOSSES]
    ]
    head = tag("tr", *(tag("th", words, scope="col") for words in ("After", "Comes", "Probability", "Loss")))
    yield scrolled(tag("table", tag("thead", head), tag("tbody", *rows), class_="losses"), "the loss of each token")


def _loss_words(title: str, mean: float, perplexity: float | None) -> str:
    return f"{title} {mean:.4f} nats a token, perplexity {perplexity_words(perplexity)}"


def time_chart(report: TraceReport) -> Html:
    """Return where the time of the steps went, by kind of operation."""
    spent: Counter[str] = Counter()
    for step in report.steps:
        if not step.group:
            spent[kind_of(step.operation).family] += round(step.seconds * _NANOSECONDS)
    slices = [Slice(words, spent[family], short_seconds(spent[family] / _NANOSECONDS), family)
              for family, words in FAMILIES.items() if spent[family]]  # fmt: skip
    note = "Of this run, on this machine."
    return stacked("Time", slices, short_seconds(report.steps_seconds), "Kind of operation", note=note)
