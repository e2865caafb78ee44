"""Plain lines are read without PyYAML, and mean what PyYAML says they mean."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gptcli.config.presets import preset_paths
from gptcli.config.yaml_events import read_events
from gptcli.config.yaml_reader import read_yaml_mapping
from gptcli.errors import InputError

_PIECES = [
    *("n_heads", "name", "true", "null", "_a", "k" * 101, "x-y", "12", "-", "--", "-1", "+.5", ".inf", "1e-5", "010"),
    *("0x1f", "yes", "a.b", "a:b", "a#b", "#", " #", "# word", "'q'", '"', "[", "{", "&a", "*a", "!t", "|", ">", "%"),
    *("@", ":", ": ", ":  ", " ", "  ", "\n", "\n\n", "\n  ", "\t", "\r\n", "\x85", "\u2028", "é", "\ufeff", "..."),
    *("---", "? "),
]


def _outcome(text: str, *, plain: bool) -> object:
    try:
        return read_yaml_mapping(text.encode(), "x.yaml") if plain else read_events(text, "x.yaml")
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("name", preset_paths())
def test_presets_read_alike(name: str) -> None:
    text = Path(preset_paths()[name]).read_text()
    assert _outcome(text, plain=True) == _outcome(text, plain=False)


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=12).map("".join))
@example("n: 1\nn: 2\n")
@example("n: 1# no comment\n")
@example("n: a:b\n")
@example("\u00e9: 1\n")
@example(f"{'k' * 2000}: 1\n")
def test_any_text_reads_alike(text: str) -> None:
    if text.removeprefix("\ufeff").strip() and not text.removeprefix("\ufeff").lstrip().startswith("{"):
        assert _outcome(text, plain=True) == _outcome(text.removeprefix("\ufeff"), plain=False)


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(_PIECES), st.sampled_from([": ", ":", ":  ", ""]), st.sampled_from(_PIECES)),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["\n", "\n\n", " # why\n", "# why\n", " \n"]),
)
def test_pairs_read_alike(pairs: list[tuple[str, str, str]], end: str) -> None:
    text = "".join(key + colon + value + end for key, colon, value in pairs)
    test_any_text_reads_alike.hypothesis.inner_test(text)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "imported"), [("# why\nn_heads: 12  # so many\n\nname: a-b\n", False), ("n_heads: '12'\n", True)]
)
def test_plain_lines_need_no_parser(text: str, imported: bool) -> None:
    code = f"""
import sys
from gptcli.config.yaml_reader import read_yaml_mapping
read_yaml_mapping({text!r}.encode(), "x.yaml")
print("yaml" in sys.modules)
"""
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert outcome.stdout.strip() == str(imported)
