"""Layers of several kinds on every screen and in every drawing: each kind once in full, what comes again as a line."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console, RenderableType

from gptcli.analysis.flops import flops_report
from gptcli.analysis.flow import flow_report
from gptcli.analysis.params import params_report
from gptcli.render.flops import flops_text
from gptcli.render.flow import draw
from gptcli.render.flow_tree import Branch, flow_tree
from gptcli.render.params import params_text
from gptcli.reports.flow import FlowReport
from tests.conftest import Cli
from tests.patterned import LONG, SMALL, patterned, patterned_runs

SVG = "{http://www.w3.org/2000/svg}"
TITLES = {
    SMALL: ["2 x Transformer block, 0 to 1", "Transformer block 2", "Blocks 3 to 5, as 0 to 2"],
    LONG: [
        "5 x Transformer block, 0 to 4",
        "Transformer block 5",
        "Blocks 6 to 59, as 0 to 5 (9 x)",
        "Blocks 60 to 61, as 0 to 1",
    ],
}


def report(order: str = SMALL) -> FlowReport:
    return flow_report(patterned(order), tokens=4)


def screen(shown: RenderableType, width: int) -> list[str]:
    console = Console(width=width, no_color=True, file=None, record=True)
    with console.capture() as captured:
        console.print(shown)
    return [line.rstrip() for line in captured.get().splitlines()]


def nodes(parts: tuple[Branch, ...]) -> Iterator[Branch]:
    for node in parts:
        yield node
        yield from nodes(node.parts)


@pytest.fixture
def run(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command on tiny with layers in a pattern."""
    options = patterned_runs(monkeypatch)
    return lambda *arguments: cli(*arguments, "-c", "tiny", *options)


@pytest.mark.parametrize("order", TITLES)
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_flow_map_as_text(order: str, width: int, depth: int) -> None:
    shown = draw(report(order), depth, "text")
    assert not isinstance(shown, str)
    lines = screen(shown, width)
    assert max(map(len, lines)) <= width
    places = [next(place for place, line in enumerate(lines) if title in line) for title in TITLES[order]]
    assert places == sorted(places)
    text = "\n".join(lines)
    assert text.count("Layer norm 1") == (2 if depth > 1 else 0)
    assert text.count("GELU") == (2 if depth > 2 else 0)
    assert "F = 256 or 40" in " ".join(text.split()) or depth < 3
    run = order.index("B") - 1
    assert (f"\u2514\u2500 blocks 0 to {run}" in text) is (depth > 1)
    assert (f"h.{{0..{run}}}.ln_1" in text) is (width == 120 and depth > 1)
    assert (f" h.{run + 1}.ln_1" in text) is (width == 120 and depth > 1)


@pytest.mark.parametrize("depth", [1, 2])
def test_what_stands_in_the_text_adds_up_to_the_network(depth: int) -> None:
    flow = report()
    tree = flow_tree(flow)
    assert sum(node.times * node.parameters for node in tree) == flow.parameters
    assert sum(node.times * node.flops for node in tree) == flow.forward_flops
    shown = draw(flow, depth, "text")
    assert not isinstance(shown, str)
    lines = screen(shown, 120)
    blocks = {"blocks 0 to 1" if depth > 1 else "2 x": 2 * flow.blocks[0].parameters,
              "block 2": flow.blocks[1].parameters,
              "as 0 to 2": 2 * flow.blocks[0].parameters + flow.blocks[1].parameters}  # fmt: skip
    for words, parameters in blocks.items():
        assert f"{parameters:,}" in next(line for line in lines if words in line)


def test_every_step_of_each_kind_is_in_the_tree_once() -> None:
    flow = report()
    tree = [node.step.path for node in nodes(flow_tree(flow)) if node.fold is None]
    assert sorted(tree) == sorted(step.path for step in flow.steps if step.block in (None, 0, 2))
    again = next(node for node in flow_tree(flow) if node.fold is not None and not node.fold.drawn)
    assert (again.step.path, again.path, again.parts) == ("h.5.add_2", "h.{3..5}", ())


@pytest.mark.parametrize("order", TITLES)
def test_mermaid_has_each_place_once_and_an_arrow_for_each_read(order: str) -> None:
    flow = report(order)
    page = draw(flow, 3, "mermaid")
    assert isinstance(page, str)
    for title in TITLES[order]:
        assert page.count(f'["{title.translate({ord(sign): f"#{ord(sign)};" for sign in "{}"})}') == 1
    boxes = re.findall(r"^\s*(?:subgraph )?(\w+)\[", page, re.MULTILINE)
    assert len(boxes) == len(set(boxes))
    arrows = re.findall(r"^  (\w+) --> (\w+)$", page, re.MULTILINE)
    assert len(arrows) == sum(len(node.sources) for node in nodes(flow_tree(flow)) if not node.parts)
    second = order.index("B")
    assert ("step_h_0_add_2", f"step_h_{second}_ln_1") in arrows
    assert ("step_ln_f", "step_lm_head") in arrows
    assert {end for arrow in arrows for end in arrow} <= set(boxes)
    path = ["ids"]
    while path[-1] != "step_lm_head":  # from any box on the main line one comes to the head
        path.append(next(end for start, end in arrows if start == path[-1]))


@pytest.mark.parametrize("order", TITLES)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_svg_has_a_panel_for_each_kind_inside_its_frame(order: str, depth: int) -> None:
    page = draw(report(order), depth, "svg")
    assert isinstance(page, str)
    root = ElementTree.fromstring(page)  # noqa: S314  # our own output
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    frames = []
    for element in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(element.get(name, "0")) for name in ("x", "y", "width", "height"))
        assert x + w <= width
        assert y + h <= height
        if element.get("class") == "panel":
            frames.append((x, y, x + w, y + h))
    assert len(frames) == {1: 1, 2: 3, 3: 7}[depth]
    for one in frames:
        for other in frames:
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            assert one is other or apart
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert all(
        words.count(title) == (2 if depth > 1 and title.startswith("Transformer") else 1) for title in TITLES[order]
    )
    sums = [element for element in root.iter(f"{SVG}rect") if element.get("class") == "box sum"]
    assert len(sums) == 2 + (4 if depth > 1 else 0)  # the embeddings', the legend's, the shortcuts'; no blocks


@pytest.mark.parametrize("width", [80, 120])
def test_parameters_and_flops_of_each_kind(width: int) -> None:
    network = patterned(LONG)
    for text in (params_text(params_report(network), 3), flops_text(flops_report(network, tokens=4))):
        lines = screen(text, width)
        assert max(map(len, lines)) <= width
        assert sum("52 x Transformer block, as 0" in line for line in lines) == 1
        assert sum("10 x Transformer block, as 5" in line for line in lines) == 1
        part = next(line for line in lines if "Masked multi-head attention" in line)
        assert part.index("Masked") == 2
    whole = screen(params_text(params_report(network), 3), 200)
    assert any("h.{0..4,6..10,12..16,...}" in line for line in whole)
    small = screen(params_text(params_report(network), 3), 80)
    assert [line.split()[6] for line in small if "x Transformer block" in line] == ["h", "h"]


def test_forward_shows_each_kind(run: Any) -> None:
    lines = run("forward", "Every effort", "--device", "cpu").out.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("2 x Transformer block, 0 to 1"))
    assert lines[first].split()[-1] == "h.{0..1}"
    assert re.match(r"Transformer block 2 +h\.2$", lines[first + 9])
    assert re.match(r"Blocks 3 to 5, as 0 to 2 +h\.\{3\.\.5\} +1 x 2 x 64$", lines[first + 18])
    assert lines[first + 19].startswith("Final layer norm")


def test_trace_shows_each_kind_and_what_comes_out_of_those_that_come_again(run: Any) -> None:
    document = run("trace", "Every effort", "--device", "cpu", "--json").json
    assert [(block["first"], block["times"]) for block in document["blocks"]] == [(0, 2), (2, 1), (3, 2), (5, 1)]
    steps = {step["path"]: step for step in document["steps"]}
    lines = run("trace", "Every effort", "--device", "cpu", "--depth", "2").out.splitlines()
    starts = [next(place for place, line in enumerate(lines) if title in line) for title in TITLES[SMALL]]
    assert [second - first for first, second in pairwise(starts)] == [9, 9]
    assert "block 0" in lines[starts[0]]
    assert f"{steps['h.5.add_2']['std']:.3f}" in lines[starts[2]]
    assert f"{steps['h.2.mlp']['std']:.3f}" in lines[starts[1] + 6]
    folded = run("trace", "Every effort", "--device", "cpu", "--depth", "1").out.splitlines()
    row = next(line for line in folded if TITLES[SMALL][0] in line)
    assert f"{steps['h.1.add_2']['std']:.3f}" in row  # what comes out of both


def test_trace_shows_the_block_that_is_asked_for(run: Any) -> None:
    for block, others in (("0", "125"), ("5", "0234")):
        out = run("trace", "Every effort", "--device", "cpu", "--depth", "2", "--block", block).out
        assert f"\nTransformer block {block}" in out
        assert not any(f"Transformer block {other}" in out for other in others)
        assert "as 0" not in out
    out = run("trace", "Every effort", "--device", "cpu", "--depth", "1", "--block", "all").out
    assert re.findall(r"^Transformer block (\d)", out, re.MULTILINE) == [*"012345"]


def test_json_has_runs_in_place_of_the_block(run: Any) -> None:
    for command in (["flow"], ["forward", "Every", "--device", "cpu"]):
        document = run(*command, "--json").json
        assert document["schema_version"] == 2
        assert "block" not in document
        assert [(each["first"], each["times"], each["path"]) for each in document["blocks"]] == [
            (0, 2, "h.{0..1,3..4}"),
            (2, 1, "h.{2,5}"),
            (3, 2, "h.{0..1,3..4}"),
            (5, 1, "h.{2,5}"),
        ]


def data_of(page: str) -> Any:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(text)


def test_the_page_has_a_panel_and_words_for_each_kind(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    assert run("trace", "Every effort", "--device", "cpu", "--html", str(file)).code == 0
    page = file.read_text(encoding="utf-8")
    facts = data_of(page)["facts"]
    assert facts["blocks"] == 6
    assert [kind["runs"] for kind in facts["kinds"]] == [[[0, 2], [3, 2]], [[2, 1], [5, 1]]]
    assert [kind["block"]["path"] for kind in facts["kinds"]] == ["h.{0..1,3..4}", "h.{2,5}"]
    assert "in all 4 blocks like it" in facts["kinds"][0]["block"]["parameters"]
    assert [kind["block"]["reads"] for kind in facts["kinds"]] == [
        ["Dropout, or the block before"],
        ["The block before"],
    ]
    known = [*(kind["block"] for kind in facts["kinds"]), *facts["again"], *facts["steps"]]
    words = {each["path"]: each for each in known}
    assert len(words) == len(known)
    picked = re.findall(r' data-pick="([^"]*)"', page)
    assert set(picked) == words.keys()
    assert len(picked) == len(set(picked))
    for path, each in words.items():
        runs = next((kind["runs"] for kind in facts["kinds"] if path.startswith(kind["block"]["path"])), None)
        numbers = [first + more for first, times in runs or [] for more in range(times)]
        assert bool(runs) is bool(each.get("repeated"))
        for own in [re.sub(r"\{[^}]*\}", str(number), path) for number in numbers] or [path]:
            assert own in facts["figures"]
    assert words["h.{2,5}.mlp.c_fc"]["shape"] == "1 \u00d7 2 \u00d7 40"
    assert facts["figures"]["h.{3..5}"]["w"][:5] == facts["figures"]["h.5.add_2"]["w"][:5]
    panels = re.findall(r'data-panel="([^"]*)" data-level="(\d)"(?: data-parent="([^"]*)")?', page)
    assert panels == [
        ("model", "1", ""),
        ("block-0", "2", "model"),
        ("block-2", "2", "model"),
        ("attn-0", "3", "block-0"),
        ("mlp-0", "3", "block-0"),
        ("attn-2", "3", "block-2"),
        ("mlp-2", "3", "block-2"),
    ]
    assert "Transformer block, one of 4 as block 0" in page
    heads = re.findall(r'<th scope="rowgroup"[^>]*>([^<]*)</th>', page)
    assert heads == [f"Transformer block {number}" for number in range(6)]


def test_a_described_page_lists_each_kind_once(run: Any) -> None:
    page = run("flow", "--format", "html").out
    heads = re.findall(r'<th scope="rowgroup"[^>]*>([^<]*)</th>', page)
    assert heads == [
        "2 \u00d7 Transformer block, 0 to 1, each like this",
        "Transformer block 2",
        "Blocks 3 to 5, as 0 to 2",
    ]
    paths = re.findall(r"<td><code>([^<]*)</code></td>", page)
    assert "h.{2,5}.mlp.c_fc" in paths
    assert "h.{0..1,3..4}.mlp.c_fc" in paths
    charts = re.findall(r"</span>([^<]*)</th><td>([\d,]+)</td>", page)
    assert {words for words, _ in charts} >= {"6 \u00d7 Masked multi-head attention", "4 \u00d7 Feed forward, as in 0"}
    amounts = {words: int(number.replace(",", "")) for words, number in charts}
    assert amounts["2 \u00d7 Feed forward, as in 2"] == 2 * (64 * 40 + 40 + 40 * 64 + 64)
    assert "= 256 or 40" in page


def test_one_kind_of_layer_is_named_without_numbers(cli: Cli) -> None:
    page = cli("flow", "-c", "tiny", "--format", "html").out
    facts = data_of(page)["facts"]
    assert [(kind["block"]["path"], kind["runs"]) for kind in facts["kinds"]] == [("h.{i}", [[0, 3]])]
    assert facts["again"] == []
    assert re.findall(r'data-panel="([^"]*)"', page) == ["model", "block", "attn", "mlp"]
    assert "Transformer block, one of 3" in page
