"""Names of the described network stand in its description and in the rows of the layouts, and nowhere else.

The syntax tree of every file is walked. A name counts as a whole word in any string that is no docstring and no help
text: ``"lm_head.weight"``, the ``".attn."`` of an f-string, ``"c_proj"``; and it counts as an attribute: ``model.wte``.
Names that are words of English too stand in strings for other reasons and do not count. The name of the layers counts
where it begins a path: ``"h.{i}"``.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import gptcli
from gptcli.architecture import Stack, describe, walk
from gptcli.architecture.network import INDEX
from gptcli.checkpoints.layouts import LAYOUTS
from gptcli.config import ModelConfig

PACKAGE = Path(gptcli.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ENGLISH = {"act", "drop", "embed", "heads", "mask", "mix", "scores", "softmax"}
NETWORK = describe(ModelConfig(vocab_size=1, context_length=1, emb_dim=1, n_heads=1, n_layers=1))
LAYERS = {name for name, node in NETWORK.parts if isinstance(node, Stack)}
ALL_NAMES = {found.path.rpartition(".")[2] for found in walk(NETWORK)} - {"", INDEX}  # the explicit path has them all
NAMES = ALL_NAMES - ENGLISH
WORD = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(NAMES))})(?!\w)")
LAYER = re.compile(rf"(?:^|(?<=[\s`'\"(]))(?:{'|'.join(sorted(LAYERS))})(?:\.|$)")

# Where names may stand: a folder, or an assignment of a file.
TABLES = ("architecture/", "checkpoints/naming/")
ROWS = {
    "checkpoints/layouts.py": {"LAYOUTS", "_BLOCK"},
    "config/quantization.py": {"_LEFT_ANYWAY"},  # what other people leave as it is
    "model/check/fitting.py": {"_HEAD_COUNTS"},  # what other people call their number of heads
    "model/check/building/synonyms.py": {"_NAMES"},  # what other people call their sizes
}


def found(source: str, rows: frozenset[str] = frozenset()) -> list[str]:
    """Return the strings and attributes of a file that have a name in them."""
    return list(_found(ast.parse(source), rows))


def _found(node: ast.AST, rows: frozenset[str]) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if _is_docstring(child) or _is_help(child) or _assigns(child, rows):
            continue
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            if WORD.search(child.value) or LAYER.search(child.value):
                yield child.value
        elif isinstance(child, ast.Attribute) and child.attr in NAMES | LAYERS:
            yield f".{child.attr}"
        elif isinstance(child, ast.keyword) and child.arg in NAMES | LAYERS:
            yield f"{child.arg}="
        yield from _found(child, rows)


def _is_docstring(node: ast.AST) -> bool:
    """A string that is a statement by itself: of a module, a class, a function (a command's help too), or a field."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_help(node: ast.AST) -> bool:
    return isinstance(node, ast.keyword) and node.arg == "help" and isinstance(node.value, ast.Constant)


def _assigns(node: ast.AST, rows: frozenset[str]) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id in rows for target in targets)


def _place(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def _allowed(file: Path) -> bool:
    return _place(file).startswith(TABLES)


@pytest.mark.parametrize("file", [file for file in FILES if not _allowed(file)], ids=_place)
def test_no_file_types_a_name_of_the_network(file: Path) -> None:
    assert found(file.read_text(), frozenset(ROWS.get(_place(file), ()))) == []


def test_the_names_are_those_of_the_description() -> None:
    block = {"ln_1", "attn", "c_attn", "c_proj", "drop_1", "add_1", "ln_2", "mlp", "c_fc", "drop_2", "add_2"}
    assert {"wte", "wpe", *block, "ln_f", "lm_head"} == NAMES
    assert {"h"} == LAYERS
    assert ALL_NAMES > ENGLISH, "an exception that is none"


@pytest.mark.parametrize("place", ROWS)
def test_rows_that_may_have_names_have_some(place: str) -> None:
    source = (PACKAGE / place).read_text()
    for row in ROWS[place]:
        assert found(source, frozenset(ROWS[place] - {row})) != [], "an exception that is none"


@pytest.mark.parametrize(
    "source",
    [
        'x = "lm_head.weight"',
        'x = "wte"',
        'x = f"{prefix}.attn.{i}"',
        'x = f"h.{i}"',
        'x = pieces[0] == "h"',
        'x = f"{block}.c_attn"',
        'x = path.endswith(("ln_1.bias", "bias"))',
        '"seen at " + name + ".mlp"',
        "x = model.wte.weight",
        'x = getattr(model, "wpe")',
        "x = layers.h[0]",
        'x = {"query": "h.{i}.attn"}',
        "x = dict(wpe=1)",
        'def f(head="lm_head"): ...',
        'x = Option(metavar="wte", help="The table.")',
        'class A:\n    """Words."""\n    x = "ln_f"',
    ],
)
def test_a_name_is_found(source: str) -> None:
    assert len(found(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        '"""The head is ``lm_head``."""',
        'def f():\n    """Show ``h.0.attn``."""',
        'class A:\n    """Such as ``wte``."""\n    x: int',
        'x = Option(help="A path such as h.0.attn.")',
        'x = "attn_pdrop"',
        'x = "what the mask hides from the heads; softmax follows."',
        "x = \"'gptcli -h' explains them\"",
        'x = " -h"',
        "x = torch.softmax(scores, -1)",
        "# lm_head",
    ],
)
def test_what_is_no_name_is_let_be(source: str) -> None:
    assert found(source) == []


def test_rows_are_let_be_by_their_assignment_alone() -> None:
    source = 'LAYOUTS: dict = {"wte": "tok_emb"}\n_HEAD = "lm_head."\n'
    assert found(source, frozenset({"LAYOUTS"})) == ["lm_head."]


def test_a_place_says_what_the_description_says() -> None:
    for layout in LAYOUTS.values():
        places = [place for held in layout.places().values() for place in held]
        assert {place.role for place in places if place.family == "embedding"} == {"token table", "position table"}
        stacked = {place.path for place in places if place.stacked == 3}
        assert stacked == {place.path for place in places if place.role == "query, key, value"}
        assert stacked == {"h.{i}.attn.c_attn.weight", "h.{i}.attn.c_attn.bias"}
        (head,) = (place for place in places if place.role == "head")
        assert layout.names()[head.path] == (next(n for n, held in layout.places().items() if head in held),)
        narrow = {place.path for place in places if [str(dim) for dim in place.shape] == ["C"]}
        assert narrow == {place.path for place in places if place.family == "norm"} | {
            "h.{i}.attn.c_proj.bias",
            "h.{i}.mlp.c_proj.bias",
        }
