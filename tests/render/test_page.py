"""The page without a browser: what is escaped, allowed, cut and packed."""

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from gptcli.render.page.attention import shown_tokens
from gptcli.render.page.markup import Html, join, tag
from gptcli.render.page.words import FAMILIES, kind_of
from tests.conftest import Cli


def test_what_is_no_markup_is_text() -> None:
    made = tag("p", "<b>", Html("<i>x</i>"), None, title="\"'>", hidden=True, lang=None, data_a=3)
    assert made == '<p title="&quot;&#x27;&gt;" hidden data-a="3">&lt;b&gt;<i>x</i></p>'
    assert tag("input", class_="a") == '<input class="a">'
    assert join("a&b", tag("br")) == "a&amp;b<br>"


@pytest.mark.parametrize(("maps", "tokens"), [(1, 893), (144, 74), (1200, 25), (10**9, 1)])
def test_maps_are_cut_before_the_page_gets_large(maps: int, tokens: int) -> None:
    assert shown_tokens(maps) == tokens
    assert tokens == 1 or maps * tokens * (tokens + 1) // 2 <= 400_000 < maps * (tokens + 1) * (tokens + 2) // 2


def page_of(cli: Cli, *arguments: str) -> str:
    return cli("flow", "-c", "tiny", "--format", "html", *arguments).out


def test_the_policy_allows_this_style_and_this_script_alone(cli: Cli) -> None:
    page = page_of(cli, "<script>")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    for kind in ("style", "script"):
        (source,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page, flags=re.DOTALL)
        assert f"{kind}-src &#x27;sha256-{b64encode(sha256(source.encode()).digest()).decode()}&#x27;" in policy[1]
    assert policy[1].startswith("default-src &#x27;none&#x27;;")
    assert not re.search(r"""(?:src|href)=["'](?!#)|url\(|@import|https?://(?!www\.w3\.org)""", page)


def test_every_kind_of_operation_has_words_and_a_colour(cli: Cli) -> None:
    for attention in ("explicit", "sdpa"):
        for step in cli("flow", "-c", "tiny", "--attention", attention, "--json").json["steps"]:
            assert kind_of(step["operation"]).sentence
            assert kind_of(step["operation"]).family in FAMILIES


def test_the_page_says_which_attention_its_memory_is_of(cli: Cli) -> None:
    for attention, words in (("explicit", "explicit attention"), ("sdpa", "fused attention")):
        page = page_of(cli, "--attention", attention)
        memory = cli("memory", "-c", "tiny", "--mode", "training", "--attention", attention).out
        (peak,) = re.findall(r"([\d.,]+ MiB)  peak of a training step", memory)
        assert f'{peak}</dd><dd class="quiet">at its peak, adamw, {words}</dd>' in page
        assert len(re.findall(rf"tokens, {words}[.,]", page)) == 2
        assert words in memory


def test_a_model_of_many_layers_is_no_larger(cli: Cli) -> None:
    few, many = (len(page_of(cli, "--set", f"n_layers={layers}")) for layers in (2, 5000))
    assert many < few + 2000


def test_a_long_text_keeps_whole_rows_of_its_first_tokens(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    text = "a b c d e f g h " * 31
    arguments = ["-c", "tiny", "--set", "n_layers=40", "--device", "cpu", "--html", str(path)]
    assert cli("trace", text, *arguments).code == 0
    page = path.read_text(encoding="utf-8")
    kept = shown_tokens(160)
    assert f"Shown are the first {kept} of 249 tokens" in page
    (data,) = re.findall(r'"data":"([^"]*)"', page)
    assert len(b64decode(data)) == 160 * kept * (kept + 1) // 2


@pytest.mark.parametrize("name", ["gemma-3-270m", "mixtral-8x7b", "deepseek-v3"])
def test_later_decoders_have_a_page(name: str, cli: Cli) -> None:
    """Windows, experts and latent attention: every step has words, and each family that occurs its colour."""
    page = cli("flow", "-c", name, "--token-ids", "1,2,3", "--format", "html").out
    steps = cli("flow", "-c", name, "--token-ids", "1,2,3", "--json").json["steps"]
    for family in {kind_of(step["operation"]).family for step in steps}:
        assert f'<span class="swatch {family}">' in page
        assert family in FAMILIES
