"""Texts and tables at any width: lines end between words, no word is broken, nothing is cut."""

import re
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from gptcli.render import console
from gptcli.render.console import make_console, plain_table
from gptcli.render.layout import Hanging, beside_or_below, broken, indented, pairs
from gptcli.render.table import TooNarrow

WORDS = st.text(alphabet="ab.:/_-漢é│", min_size=1, max_size=30)
TEXTS = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)
WIDTHS = st.integers(1, 60)
MODES: list[TooNarrow] = ["longer", "names above", "in groups"]


def drawn(renderable: RenderableType, width: int) -> list[str]:
    file = StringIO()
    console = make_console(file)
    console.width = width
    console.print(renderable, crop=False)
    return file.getvalue().splitlines()


def test_every_renderer_sets_text_and_tables_here() -> None:
    """Rich's own tables and paddings cut what has no room."""
    for file in Path(console.__file__).parent.rglob("*.py"):
        found = re.findall(r"rich\.(?:table|padding|columns|panel|align)\b", file.read_text(encoding="utf-8"))
        assert file.name == "table.py" or not found, file


@given(TEXTS, WIDTHS)
def test_a_text_keeps_its_words(text: str, width: int) -> None:
    lines = [line.plain for line in broken(Text(text), width)]
    assert " ".join(lines).split() == text.split()
    assert all(cell_len(line) <= width or " " not in line.strip() for line in lines)


@given(TEXTS, WIDTHS)
def test_a_line_is_as_full_as_it_can_be(text: str, width: int) -> None:
    lines = [line.plain for line in broken(Text(text), width)]
    for line, following in pairwise(lines):
        assert cell_len(f"{line} {following.split()[0]}") > width


def test_blanks_at_the_beginning_of_a_line_stay() -> None:
    assert [line.plain for line in broken(Text("  one two\n  three"), 7)] == ["  one", "two", "  three"]


@given(TEXTS, st.integers(10, 60))
def test_a_hanging_text_stays_beside_what_it_hangs_on(text: str, width: int) -> None:
    lines = drawn(Hanging("1st ", "oth ", Text(text)), width)
    assert [line[:4] for line in lines] == ["1st ", *["oth "] * (len(lines) - 1)]
    assert " ".join(line[4:] for line in lines).split() == text.split()


@given(st.lists(st.tuples(WORDS, TEXTS), min_size=1, max_size=4), st.integers(10, 60))
def test_pairs_keep_names_and_words(rows: list[tuple[str, str]], width: int) -> None:
    lines = drawn(pairs(list(rows)), width)
    indent = max(cell_len(name) for name, _ in rows) + 2
    assert "".join(lines).replace(" ", "") == "".join(name + text for name, text in rows).replace(" ", "")
    for line in lines:
        if cell_len(line) > width:  # a single word that is longer than the room
            assert len(line.split()) <= 2
            assert cell_len(line) > indent


def test_a_note_stands_below_where_it_cannot_be_read_beside() -> None:
    figure, note = Text("forward  291,648,307,200  "), Text("linear layers and attention")
    assert drawn(beside_or_below(figure, note), 60) == ["forward  291,648,307,200  linear layers and attention"]
    assert drawn(beside_or_below(figure, note), 40) == ["forward  291,648,307,200", "    linear layers and attention"]
    assert drawn(indented(note, 4), 20) == ["    linear layers", "    and attention"]


@given(
    st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=4),
    st.lists(st.booleans(), min_size=3, max_size=3),
    WIDTHS,
    st.booleans(),
    st.sampled_from(MODES),
)
def test_a_table_cuts_nothing(
    rows: list[list[str]], whole: list[bool], width: int, wrap: bool, too_narrow: TooNarrow
) -> None:
    table = plain_table(wrap=wrap, too_narrow=too_narrow)
    for place, no_wrap in enumerate(whole):
        table.add_column(f"Heading{place}", no_wrap=no_wrap, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    lines = drawn(table, width)
    screen = "\n".join(lines)
    for row in rows:
        for cell, no_wrap in zip(row, whole, strict=True):
            kept = [cell] if no_wrap or not wrap else cell.split()
            assert all(part in screen for part in kept)
    console = make_console(StringIO())
    if table.natural_width(console, console.options) <= width:
        assert len(lines) == len(rows) + 2  # the heading and its rule
        assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("too_narrow", MODES)
def test_what_becomes_of_a_table_that_has_no_room(too_narrow: TooNarrow) -> None:
    table = plain_table(too_narrow=too_narrow)
    for heading in ("Name", "One", "Two"):
        table.add_column(heading, justify="left" if heading == "Name" else "right")
    table.add_row("h.0.attn.weight", "1,234", "5")
    table.add_row("wte", "6", "7,890")
    rule = "\u2500"
    assert drawn(table, 24) == {
        "longer": [
            "Name                One     Two",
            rule * 31,
            "h.0.attn.weight   1,234       5",
            "wte                   6   7,890",
        ],
        "names above": [
            "Name",
            "    One     Two",
            rule * 15,
            "h.0.attn.weight",
            "  1,234       5",
            "wte",
            "      6   7,890",
        ],
        "in groups": [
            "Name                One",
            rule * 23,
            "h.0.attn.weight   1,234",
            "wte                   6",
            "",
            "Name                Two",
            rule * 23,
            "h.0.attn.weight       5",
            "wte               7,890",
        ],
    }[too_narrow]  # fmt: skip


def test_the_widest_column_gives_way_first() -> None:
    table = plain_table(wrap=True)
    for heading in ("Step", "Text", "Path"):
        table.add_column(heading, no_wrap=heading == "Path")
    table.add_row("two words", "quite a number of words here", "h.0.attn.c_attn")
    assert [line.rstrip() for line in drawn(table, 48)[2:]] == [
        "two words   quite a number of    h.0.attn.c_attn",
        "            words here",
    ]


def test_an_indented_text_moves_left_for_a_word_that_has_no_room() -> None:
    assert drawn(indented("a word_of_twelve b", 6), 20) == ["      a", "      word_of_twelve", "      b"]
    assert drawn(indented("a word_of_twelve b", 6), 16) == ["  a", "  word_of_twelve", "  b"]
    assert drawn(indented("a word_of_twelve b", 6), 10) == ["a", "word_of_twelve", "b"]


def test_figures_below_a_name_take_more_lines_where_they_have_no_room() -> None:
    table = plain_table(too_narrow="names above")
    table.add_column("Name")
    for heading in ("Mean", "Deviation", "Most"):
        table.add_column(heading, justify="right")
    table.add_row("one", "1", "2", "3")
    table.add_row("another", "1000", "", "")
    assert drawn(table, 23) == [
        "Name", "  Mean  Deviation  Most", "\u2500" * 23, "one", "     1          2     3", "another", "  1000",
    ]  # fmt: skip
    assert drawn(table, 18) == [
        "Name", "  Mean  Deviation", "  Most", "\u2500" * 17, "one", "     1          2", "     3", "another", "  1000",
    ]  # fmt: skip
