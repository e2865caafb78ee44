"""Drawings of the flow map: every step is there, every read is a line, and text cannot break out."""

import re
from xml.etree import ElementTree

import pytest

from gptcli.analysis.flow import flow_report
from gptcli.architecture import AttentionPath, describe
from gptcli.config import load_config
from gptcli.render.flow import FORMATS, draw, format_named
from gptcli.render.flow_tree import INPUT, Branch, Lane, flow_tree, lanes
from gptcli.reports.flow import FlowReport
from gptcli.reports.tokens import Token

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>&\"'`--><![CDATA["


def report(name: str = "tiny", attention: AttentionPath = "explicit", text: str = "") -> FlowReport:
    config = load_config("tiny", set_values=[f"name={name}"], environ={}).config
    texts = [[Token(id=0, text=text, bytes=text.encode().hex())]] if text else None
    return flow_report(describe(config, attention), tokens=4, texts=texts)


def nodes(parts: tuple[Branch, ...]) -> list[Branch]:
    return [found for node in parts for found in (node, *nodes(node.parts))]


def drawn(format_: str, depth: int, given: FlowReport | None = None) -> str:
    page = draw(given or report(), depth, format_)
    assert isinstance(page, str)
    return page


def test_the_tree_holds_every_step_of_one_block() -> None:
    flow = report()
    in_tree = [node.step.path for node in nodes(flow_tree(flow)) if node.fold is None]
    assert sorted(in_tree) == sorted(step.path for step in flow.steps if step.block in (None, 0))
    other = [node.step.path for node in nodes(flow_tree(flow, [2])) if node.step.block is not None]
    assert all(path.startswith("h.2.") for path in other)


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
def test_the_main_line_and_the_lanes_are_all_that_is_read(attention: AttentionPath) -> None:
    for group in [flow_tree(report(attention=attention)), *(n.parts for n in nodes(flow_tree(report())) if n.parts)]:
        around = {(lane.start, lane.end) for lane in lanes(group)}
        for place, node in enumerate(group):
            assert set(node.sources) == {start for start, end in around if end == place} | (
                {place - 1} & set(node.sources)
            )


def test_the_lanes_are_the_shortcuts() -> None:
    parts = flow_tree(report())
    assert lanes(parts) == [Lane(0, 2, splits=False)]  # the token embedding goes around the positional one
    block = next(node for node in parts if node.fold is not None)
    assert lanes(block.parts) == [Lane(INPUT, 3, splits=True), Lane(3, 7, splits=True)]
    attention = block.parts[1]
    assert lanes(attention.parts) == [Lane(1, 6, splits=True)]  # the values go around scores and softmax


@pytest.mark.parametrize("format_", [name for name, row in FORMATS.items() if name != "text" and not row.studied])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_step_of_the_depth_is_drawn(format_: str, depth: int) -> None:
    page = drawn(format_, depth)
    for node in nodes(flow_tree(report())):
        level = 1 if node.step.parent is None or node.fold is not None else node.step.path.count(".")
        words = f"{node.times} x {node.label}" if node.fold is not None else node.label
        if level <= depth:
            assert words in page
    assert ("Causal mask" in page) is (depth == 3)
    assert ("Layer norm 1" in page) is (depth >= 2)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_svg_is_well_formed_self_contained_and_inside_its_frame(depth: int) -> None:
    page = drawn("svg", depth, report(name=f"x{HOSTILE}", text=HOSTILE))
    root = ElementTree.fromstring(page)  # noqa: S314  # our own output
    assert HOSTILE in "".join(root.itertext())
    assert not re.search(r"<script|href|url\((?!#arrow)|@import", page)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter(f"{SVG}rect"):
        right = float(element.get("x", "0")) + float(element.attrib["width"])
        assert right <= width
        assert float(element.get("y", "0")) + float(element.attrib["height"]) <= height
    assert "prefers-color-scheme: dark" in page


def test_each_colour_of_the_picture_has_a_dark_twin() -> None:
    page = drawn("svg", 3, report(text="hello"))
    light, dark = page.split("@media")[0], page.split("@media")[1]
    used = {name for classes in re.findall(r'class="([^"]+)"', page) for name in classes.split()}
    for name in used - {"code", "title", "end"}:
        assert f".{name} {{" in light, name
        assert f".{name} {{" in dark, name


def test_mermaid_has_an_arrow_for_everything_that_is_read() -> None:
    page = drawn("mermaid", 3)
    boxes = set(re.findall(r"^\s*(\w+)\[", page, re.MULTILINE))
    arrows = re.findall(r"^  (\w+) --> (\w+)$", page, re.MULTILINE)
    assert {end for arrow in arrows for end in arrow} == boxes
    assert ("step_drop", "step_h_0_add_1") in arrows
    assert ("step_h_0_add_1", "step_h_0_add_2") in arrows
    assert ("step_h_0_attn_heads", "step_h_0_attn_mix") in arrows
    assert ("step_h_0_add_2", "step_ln_f") in arrows
    groups = [node for node in nodes(flow_tree(report())) if not node.parts]
    assert len(arrows) == sum(len(node.sources) for node in groups)


def test_mermaid_quotes_what_could_end_a_label() -> None:
    page = drawn("mermaid", 2, report(name='a"]; click x `#'))
    assert page.startswith("%% a#34;#93;#59; click x #96;#35;: ")
    for label in re.findall(r'\["(.*)"\]', page):
        assert not re.search(r'["<>`]', label.replace("<br/>", ""))


@pytest.mark.parametrize(
    ("name", "suffix"), [(name, suffix) for name, row in FORMATS.items() for suffix in row.suffixes]
)
def test_every_format_is_known_by_its_endings(name: str, suffix: str) -> None:
    assert format_named(None, f"map{suffix}") == format_named(name, f"map{suffix}") == name
