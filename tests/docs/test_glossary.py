"""The glossary has every symbol, every config key and only options that exist."""

import re

import pytest

from gptcli.architecture.axes import MEANING
from gptcli.config.model_config import KEYS
from tests.docs.reading import CLI_PAGE, ROOT

PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| ([A-Z]) \| .*? \| (.*?) \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("symbol", MEANING)
def test_every_symbol_has_a_row(symbol: str) -> None:
    assert symbol in ROWS


@pytest.mark.parametrize("key", [key for key in KEYS if key != "name"])
def test_every_config_key_stands_beside_its_term(key: str) -> None:
    assert f"`{key}`" in PAGE


def test_every_option_in_it_exists() -> None:
    options = set(re.findall(r"`(--[a-z-]+)", PAGE))
    known = set(re.findall(r"--[a-z-]+", CLI_PAGE.read_text(encoding="utf-8")))
    assert options, "the glossary names options"
    assert options <= known


def test_terms_are_in_alphabetical_order() -> None:
    for section in PAGE.split("\n## ")[2:]:
        terms = [term.lower() for term in re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE)]
        assert terms == sorted(terms), section.splitlines()[0]
