"""The page in a real browser: it needs nothing, zooms, is right, and is usable by everyone."""

import json
from pathlib import Path
from typing import Any

import pytest

from gptcli.architecture import describe
from tests.browser.conftest import TEXT, Open
from tests.conftest import Cli
from tests.patterned import patterned_runs

TINY = ["-c", "tiny", "--device", "cpu"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]

LEVELS = {"model": "The whole network", "block": "Transformer block", "attn": "Masked multi-head attention"}
HOSTILE = """</script><img src=x onerror=alert(1)>"><script>alert(2)</script><!--' {{7*7}} ${1}"""


def shown(page: Any) -> str:
    """The title of the panel that is in front."""
    return str(page.locator(".panel.current h3").first.inner_text())


def facts(page: Any) -> Any:
    return json.loads(page.locator("#data").text_content())["facts"]


def test_three_levels_by_mouse(open_page: Open, drawn: Path) -> None:
    page = open_page(drawn)
    assert shown(page) == LEVELS["model"]
    page.get_by_role("button", name="Zoom in to Transformer block").click()
    assert shown(page) == "Transformer block, one of 12"
    page.get_by_role("button", name="Zoom in to Masked multi-head attention").click()
    assert shown(page) == LEVELS["attn"]
    page.locator(".levels").get_by_role("button", name="Feed forward").click()
    assert shown(page) == "Feed forward"
    page.locator(".levels").get_by_role("button", name="Model").click()
    assert shown(page) == LEVELS["model"]


def test_three_levels_by_keyboard(open_page: Open, drawn: Path) -> None:
    page = open_page(drawn)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the map"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # into the map's first control
    block = "Transformer block, one of 12"
    for key, title in [("2", block), ("3", LEVELS["attn"]), ("Escape", block), ("1", LEVELS["model"])]:
        page.keyboard.press(key)
        assert shown(page) == title
        assert page.evaluate("document.activeElement.textContent") == title
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.locator("#detail h3").inner_text() == "Positional embedding"
    page.keyboard.press("ArrowUp")
    assert page.locator("#detail h3").inner_text() == "Token embedding"


@pytest.mark.parametrize("width", [400, 1280, 1920])
def test_each_box_says_what_the_report_says(open_page: Open, drawn: Path, cli: Cli, width: int) -> None:
    report = cli("flow", TEXT, "--json").json
    page = open_page(drawn, width=width)
    known = {step["path"].replace("h.0.", "h.{i}."): step for step in report["steps"] if not step["block"]}
    seen = set()
    for level in ("model", "block", "attn", "mlp"):
        page.locator(f".levels [data-zoom={level}]").click()
        boxes = page.locator(".panel.current [data-pick]")
        for place in range(boxes.count()):
            boxes.nth(place).click()
            path = boxes.nth(place).get_attribute("data-pick")
            text = page.locator("#detail" if width > 1000 else ".inline-detail").inner_text()
            if path == report["blocks"][0]["path"]:
                assert f"{report['blocks'][0]['parameters']:,}" in text
                continue
            step = known[path]
            shape = " \u00d7 ".join(map(str, step["shape"]))
            assert f"({', '.join(step['symbols'])}) = {shape}" in text
            assert step["formula"] in text
            assert not step["parameters"] or f"{step['parameters']:,}" in text
            seen.add(path)
    assert seen == known.keys()
    assert f"{report['parameters']:,}" in page.locator(".cards").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_steps_of_report_and_page_are_one_list(open_page: Open, drawn: Path, traced: Path, cli: Cli) -> None:
    for path, command in ((drawn, ["flow", TEXT]), (traced, ["trace", TEXT, *TINY])):
        report = cli(*command, "--json").json
        page = open_page(path)
        listed = [step["path"] for step in facts(page)["steps"]]
        inside = [each for each in listed if "{i}" in each]
        first = listed.index(inside[0])
        blocks = [each.replace("{i}", str(block)) for block in range(facts(page)["blocks"]) for each in inside]
        steps = [step["path"] for step in report["steps"]]
        assert [*listed[:first], *blocks, *listed[first + len(inside) :]] == steps
        rows = page.locator("[data-path]").evaluate_all("rows => rows.map(row => row.dataset.path)")
        assert rows == (steps if command[0] == "trace" else [step.replace("{i}", "0") for step in listed])


def test_the_figures_of_a_block_lead_to_the_panel_of_its_kind(
    open_page: Open, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, arguments = tmp_path / "page.html", patterned_runs(monkeypatch)
    assert cli("trace", TEXT, *TINY, *arguments, "--html", str(path)).code == 0
    report = cli("trace", TEXT, *TINY, *arguments, "--json").json
    deviations = {step["path"]: f"{step['std']:.3f}" for step in report["steps"]}
    page = open_page(path)
    block = page.locator("#block")
    page.get_by_role("button", name="Zoom in to Transformer block").last.click()
    assert (shown(page), block.input_value()) == ("Transformer block, one of 2 as block 2", "2")
    page.locator(".levels").get_by_role("button", name="Feed forward").click()
    page.locator("[data-pick='h.{2,5}.mlp.c_fc']").click()
    for number, kind in ((3, "0"), (4, "0"), (5, "2")):
        page.get_by_role("button", name="Next block").click()
        assert (shown(page), block.input_value()) == (f"Feed forward, as in block {kind}", str(number))
        detail = page.locator("#detail").inner_text()
        assert f"h.{number}.mlp.c_fc" in detail  # the same step, of the other kind
        assert f"In this run, block {number}" in detail
        assert deviations[f"h.{number}.mlp.c_fc"] in detail
        assert page.locator(".bars rect").count() == (4 if kind == "0" else 2)
        assert page.locator(".levels button:visible").count() == 5  # of the other kind's parts none
    page.get_by_role("button", name="Next block").press("Escape")
    assert shown(page) == "Transformer block, one of 2 as block 2"
    page.locator(".levels").get_by_role("button", name="Model").click()
    page.locator("[data-pick='h.{3..5}']").click()
    assert deviations["h.5.add_2"] in page.locator("#detail").inner_text()


def test_a_run_shows_its_figures_block_by_block(open_page: Open, traced: Path, cli: Cli) -> None:
    report = cli("trace", TEXT, *TINY, "--json").json
    page = open_page(traced)
    page.locator(".levels [data-zoom=block]").click()
    page.locator("[data-pick='h.{i}.add_2']").click()
    for block in range(3):
        step = next(step for step in report["steps"] if step["path"] == f"h.{block}.add_2")
        text = page.locator("#detail").inner_text()
        assert f"In this run, block {block}" in text
        assert f"{step['std']:.3f}" in text
        assert f"\u03c3 {step['std']:.3f}" == page.locator("[data-deviation='h.{i}.add_2']").inner_text()
        assert f"{step['max']:.3f}" in text
        page.locator("#block-after").click()
    assert page.locator("#block").input_value() == "2"
    page.locator(".levels [data-zoom=attn]").click()
    page.locator("[data-pick='h.{i}.attn.mask']").click()
    assert "Without the minus infinity that the mask puts there." in page.locator("#detail").inner_text()


def test_attention_of_every_head(open_page: Open, traced: Path, cli: Cli) -> None:
    asked = ["--attention-map", "--block", "all", "--head", "all", "--json"]
    maps = cli("trace", TEXT, *TINY, *asked).json["attention_maps"]
    page = open_page(traced)
    for attention in maps:
        page.locator("#map-block").select_option(str(attention["block"]))
        page.locator(f"#heads input[value='{attention['head']}']").check()
        assert page.locator("#map-title").inner_text() == f"Block {attention['block']}, head {attention['head']}"
        rows = page.locator("#map tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].slice(1).map(cell => parseInt(cell.textContent) || 0))"
        )
        for row, weights in zip(rows, attention["weights"], strict=True):
            assert row == pytest.approx([100 * weight for weight in weights], abs=1)
    page.locator("#heads input").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#map-title").inner_text() == "Block 2, head 1"
    page.locator("#map td.warm").first.hover()
    assert page.locator("#map-cell").inner_text() == "Every looks at Every: 100%"


def test_candidates_and_lens(open_page: Open, traced: Path, cli: Cli) -> None:
    report = cli("trace", TEXT, *TINY, "--logit-lens", "--json").json
    page = open_page(traced)
    text = page.locator(".candidates").inner_text()
    for candidate in report["next_tokens"][0]:
        assert str(candidate["id"]) in text
        assert f"{candidate['logit']:.4f}" in text
    assert page.locator(".lens tbody tr").count() == len(report["logit_lens"]) == 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280, 1920])
@pytest.mark.parametrize("kind", ["drawn", "traced"])
def test_axe_finds_nothing(
    open_page: Open, axe: str, request: pytest.FixtureRequest, kind: str, width: int, scheme: str
) -> None:
    page = open_page(request.getfixturevalue(kind), width=width, color_scheme=scheme)
    page.evaluate(axe)
    for level in ("model", "block", "attn"):
        page.locator(f".levels [data-zoom={level}]").click()
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        problems = [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found["violations"]]
        assert problems == [], level
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_text_is_inert_wherever_it_stands(open_page: Open, tmp_path: Path, cli: Cli) -> None:
    config = tmp_path / "named.yaml"
    name = json.dumps("<b>\"quoted\" & 'so' </title></script><img src=x onerror=alert(3)>")
    config.write_text(
        f"name: {name}\nvocab_size: 50257\ncontext_length: 128\nemb_dim: 32\nn_heads: 4\nn_layers: 2\n"
        "drop_rate: 0.1\nqkv_bias: false\n",
        encoding="utf-8",
    )
    for command in ("flow", "trace"):
        path = tmp_path / f"{command}.html"
        option = "-o" if command == "flow" else "--html"
        outcome = cli(command, HOSTILE, "-c", str(config), option, str(path))
        assert outcome.code == 0
        assert bool(outcome.out) is (command == "trace")  # the table; a drawing that goes into a file is all there is
        page = open_page(path)
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 2
        assert page.locator("h1").inner_text() == json.loads(name)
        chips = page.locator(".chips .chip").evaluate_all("chips => chips.map(chip => chip.textContent)")
        assert "".join(chips).replace("\u2423", " ") == HOSTILE
        if command == "trace":
            heads = page.locator("#map thead th").evaluate_all("cells => cells.map(cell => cell.textContent)")
            assert "".join(heads).replace("\u2423", " ") == HOSTILE


def test_without_script_the_tables_are_there(open_page: Open, traced: Path) -> None:
    page = open_page(traced, java_script_enabled=False)
    for text in ("Who looks at whom", "Every step", "After ", "h.2.attn.softmax"):
        assert page.get_by_text(text).first.is_visible()
    assert page.locator(".needs-script:visible").count() == 0
    assert page.locator(".panel:visible").count() == 4


def test_on_paper_every_level_is_shown(open_page: Open, traced: Path) -> None:
    page = open_page(traced)
    page.emulate_media(media="print")
    assert page.locator(".panel:visible").count() == 4
    assert page.locator(".levels:visible").count() == 0


def test_it_is_small_for_the_default_model_and_a_sentence(open_page: Open, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "page.html"
    text = "Every effort moves you toward finding new things, one step at a time, and that is all there is to it."
    assert cli("trace", text, "--device", "cpu", "--html", str(path)).code == 0
    assert path.stat().st_size < 1_000_000
    page = open_page(path)
    assert page.locator("#heads input").count() == 12
    assert page.locator("#map-block option").count() == 12
    assert page.locator("#map tbody tr").count() == 24


@pytest.mark.parametrize(
    "asked",
    [["--set", "n_layers=1", "--set", "n_heads=1"], ["--attention", "sdpa"], ["--tied"], ["--loss"], ["second text"]],
    ids=lambda asked: asked[0] + asked[-1],
)
def test_other_networks_and_runs(open_page: Open, tmp_path: Path, cli: Cli, asked: list[str]) -> None:
    path = tmp_path / "page.html"
    assert cli("trace", TEXT, "-c", "tiny", *asked, "--html", str(path)).code == 0
    page = open_page(path)
    page.locator(".levels [data-zoom=attn]").click()
    assert shown(page) == LEVELS["attn"]
    assert (page.locator("#map").count() == 0) == ("sdpa" in asked)
    assert (page.locator("#loss").count() == 1) == ("--loss" in asked)
    if "second text" in asked:
        page.locator("#map-text").select_option("1")
        assert page.locator("#map tbody tr").count() == 2


def test_what_is_not_finite_is_said(open_page: Open, tmp_path: Path, cli: Cli) -> None:
    from safetensors.torch import save_file

    from gptcli.config import load_config
    from gptcli.model.forward import ForwardOptions, build

    weights = build(describe(load_config("tiny", environ={}).config), ForwardOptions()).state_dict()
    weights["h.1.mlp.c_fc.bias"][5] = float("nan")
    model, path = tmp_path / "<i>bad.safetensors", tmp_path / "page.html"
    save_file({name: x.clone() for name, x in weights.items()}, model)
    arguments = ["-w", str(model), "--set", "n_heads=4", "--device", "cpu", "--html", str(path)]
    assert cli("trace", TEXT, *arguments).code == 0
    page = open_page(path)
    assert "nan appears first in Expand (h.1.mlp.c_fc)" in page.locator(".run").first.inner_text()
    assert "<i>bad.safetensors" in page.locator(".run").first.inner_text()
    page.locator("#block-after").click()
    page.locator(".levels [data-zoom=mlp]").click()
    page.locator(".panel.current [data-pick]").first.click()
    assert "There is nan in it." in page.locator("#detail").inner_text()
    page.locator("#block-before").click()
    assert "There is nan in it." not in page.locator("#detail").inner_text()
