"""Tokens made visible, and how many of them a screen shows."""

import pytest

from gptcli.render.tokens import visible
from tests.conftest import Cli


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b" a", "␣a"),
        (b" \xf0\x9f", "␣\\xf0\\x9f"),
        (b"\n\xf0", "\\x0a\\xf0"),
        (b"\\\xf0", "\\x5c\\xf0"),
        (b"\x1b[31m", "\\x1b[31m"),
        ("é".encode(), "é"),
        ("\u202e".encode(), "\\u202e"),
    ],
)
def test_nothing_in_a_token_is_invisible(data: bytes, shown: str) -> None:
    assert visible(data) == shown


def test_a_long_table_ends_with_what_it_leaves_out(cli: Cli) -> None:
    text = "a" + " a" * 1_234
    out = cli("tokenize", text).out
    assert "\n     199" in out
    assert "\n     200" not in out
    assert "... and 1,035 more; --ids or --json prints all\n" in out
    assert "1,235 tokens" in out
    assert len(cli("tokenize", text, "--json").json["texts"][0]["tokens"]) == 1_235
    assert "more; --ids" not in cli("tokenize", "a" + " a" * 199).out
