"""Charts, each with its table beside it: the table holds every figure of the picture."""

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from gptcli.render.page.markup import Html, tag
from gptcli.render.units import share

_WIDTH, _HEIGHT = 1000, 44
_COLOURS = 8  # how many differ; class c0 to c7 of the style sheet


class Slice(NamedTuple):
    """A part of a whole: words, amount, the amount for people, and its colour, a family's or a number's."""

    label: str
    amount: int
    words: str
    colour: str | None = None


def stacked(
    title: str, slices: Sequence[Slice], total: str, heading: str = "Part", *, note: str = "", also: str = ""
) -> Html:
    """Return a bar cut into parts, and the table of the parts.

    Args:
        title: what is cut.
        slices: the parts, in the order in which they are drawn.
        total: all of it, for people.
        heading: of the table's first column.
        note: a sentence below.
        also: the total in other units.
    """
    whole = sum(each.amount for each in slices)
    colours = [each.colour or f"c{place % _COLOURS}" for place, each in enumerate(slices)]
    rows = [
        tag(
            "tr",
            tag("th", tag("span", class_=f"swatch {colour}"), each.label, scope="row"),
            tag("td", each.words),
            tag("td", share(each.amount, whole)),
        )
        for each, colour in zip(slices, colours, strict=True)
    ]
    head = tag("tr", *(tag("th", words, scope="col") for words in (heading, "Amount", "Share")))
    foot = tag("tr", tag("th", "Total", scope="row"), tag("td", total), tag("td", "100.0%"))
    table = tag("table", tag("thead", head), tag("tbody", *rows), tag("tfoot", foot), class_="parts")
    words = tag("p", note, class_="quiet") if note else None
    caption = tag("figcaption", tag("h3", title), tag("p", f"{total} {also}".rstrip(), class_="total"))
    return tag("figure", caption, _bar(slices, colours, whole), scrolled(table, title), words, class_="chart")


def _bar(slices: Sequence[Slice], colours: Sequence[str], whole: int) -> Html:
    pieces, before = [], 0
    for each, colour in zip(slices, colours, strict=True):
        x, after = (round(_WIDTH * part / max(whole, 1), 1) for part in (before, before + each.amount))
        before += each.amount
        if each.amount:
            words = tag("title", f"{each.label}: {each.words}")
            pieces.append(tag("g", words, tag("rect", x=str(x), y=0, width=str(round(after - x, 1)), height=_HEIGHT),
                              class_=colour))  # fmt: skip
    return tag("svg", *pieces, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", preserveAspectRatio="none", aria_hidden="true",
               class_="bar")  # fmt: skip


def meter(fraction: float) -> Html:
    """Return a bar as long as a fraction, for the cell of a table that says it in figures too."""
    length = f"{max(0.0, min(1.0, fraction)) * 100:.2f}%" if isfinite(fraction) else "0%"
    track = tag("rect", width="100%", height="100%", class_="track", rx=3)
    return tag("svg", track, tag("rect", width=length, height="100%", rx=3), class_="meter", aria_hidden="true")


def scrolled(table: Html, label: str, *, tall: bool = False) -> Html:
    """Return a table in a frame of its own that scrolls where the screen is narrow, with the keyboard too."""
    kind = "scrolled tall" if tall else "scrolled"
    return tag("div", table, class_=kind, role="region", tabindex=0, aria_label=f"Table: {label}")


def cards(facts: Sequence[tuple[str, str, str]]) -> Html:
    """Return the figures that matter most: what, how much, and a word on it."""
    return tag("dl", *(tag("div", tag("dt", what), tag("dd", much), tag("dd", word, class_="quiet"))
                       for what, much, word in facts), class_="cards")  # fmt: skip
