"""Attention maps for the page: every head's lower triangle, a byte a weight, and the first of them as a table."""

from base64 import b64encode
from collections.abc import Sequence
from math import isqrt

from msgspec import Struct

from gptcli.render.page.charts import scrolled
from gptcli.render.page.markup import Html, tag
from gptcli.render.tokens import visible_token
from gptcli.reports.trace import AttentionMap, TraceReport

_MOST_BYTES = 400_000  # of all maps; base64 makes four of three
_LEVELS = 255


class Maps(Struct, frozen=True):
    """The maps of a text.

    Attributes:
        tokens: those on both axes.
        heads: in a block.
        data: by block, head and row, the weights up to the diagonal, each as a byte of 255ths; in base64.
    """

    tokens: list[str]
    heads: int
    data: str


def shown_tokens(maps: int) -> int:
    """Return how many tokens so many maps may have for the page to stay small.

    A map is cut after a token without making it untrue: no token looks at a later one, so the rows left are whole.
    """
    return max(1, (isqrt(8 * (_MOST_BYTES // max(maps, 1)) + 1) - 1) // 2)


def maps_of(report: TraceReport) -> list[Maps]:
    """Return each text's maps as the script reads them."""
    assert report.config is not None
    found = []
    for text, tokens in enumerate(report.text_tokens):
        own = [each for each in report.attention_maps or () if each.text == text]
        if own:
            names = [visible_token(token) for token in tokens[: len(own[0].weights)]]
            data = b64encode(b"".join(map(_bytes, own))).decode("ascii")
            found.append(Maps(names, report.config.n_heads, data))
    return found


def _bytes(attention: AttentionMap) -> bytes:
    rows = enumerate(attention.weights)
    return bytes(_level(weight) for row, weights in rows for weight in weights[: row + 1])


def _level(weight: float) -> int:
    return round(_LEVELS * weight) if 0 <= weight <= 1 else 0  # NaN compares as false


def attention_section(report: TraceReport) -> Html | None:
    """Return the maps and the choice among them; nothing where the run kept none."""
    assert report.config is not None
    if not report.attention_maps:
        return None
    maps = maps_of(report)
    kept, length = len(maps[0].tokens), report.lengths[0]
    more = f" Shown are the first {kept} of {length} tokens; the rows are whole." if kept < length else ""
    lead = (
        "Each row is a token that looks, each column one that is looked at. A row adds up to 100%; what comes later is "
        f"hidden by the causal mask. The stronger the colour, the larger the share in its row.{more}"
    )
    return tag(
        "section",
        tag("h2", "Who looks at whom", id="attention"),
        tag("p", lead, class_="lead"),
        tag(
            "div",
            _choice("Text", "map-text", len(maps)) if len(maps) > 1 else None,
            _choice("Block", "map-block", report.config.n_layers),
            class_="map-controls needs-script",
        ),
        tag(
            "div",
            tag("fieldset", tag("legend", "Head"), tag("div", id="heads"), class_="heads needs-script"),
            tag(
                "div",
                tag("p", "Block 0, head 0", class_="map-title", id="map-title", aria_live="polite"),
                scrolled(_table(report.attention_maps[0], maps[0].tokens), "attention of the chosen head"),
                tag("p", "Point at a cell to read it.", id="map-cell", class_="quiet needs-script"),
            ),
            class_="looks",
        ),
        aria_labelledby="attention",
    )


def _choice(words: str, name: str, count: int) -> Html:
    options = (tag("option", str(each), value=each) for each in range(count))
    return tag("span", tag("label", words, for_=name), tag("select", *options, id=name))


def _table(attention: AttentionMap, tokens: Sequence[str]) -> Html:
    head = tag("tr", tag("td", ""), *(tag("th", token, scope="col") for token in tokens))
    rows = (
        tag("tr", tag("th", tokens[row], scope="row"), *(_cell(weight, column > row)
                                                         for column, weight in enumerate(weights)))
        for row, weights in enumerate(attention.weights)
    )  # fmt: skip
    return tag("table", tag("thead", head), tag("tbody", *rows), id="map", class_="attention")


def _cell(weight: float, hidden: bool) -> Html:
    if hidden:
        return tag("td", "\u00b7", class_="hidden")
    return tag("td", f"{round(_level(weight) / _LEVELS * 100)}%")
