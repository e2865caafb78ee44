"""Every kind of operation has a rule and words wherever one is asked for; an unknown kind raises."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from gptcli.architecture import describe, walk
from gptcli.architecture.axes import B, C, T
from gptcli.architecture.parts.part import Part
from gptcli.config import load_config
from gptcli.config.presets import preset_paths
from gptcli.model.parts import leaf_class
from gptcli.render.page.words import FAMILIES, kind_of


class Unknown(Part, frozen=True, kw_only=True):
    """A kind that nothing knows."""

    kind: ClassVar[str] = "unknown"

    def weights(self) -> dict[str, tuple[Any, ...]]:
        """Have a weight, so that it would have to be drawn."""
        return {"weight": (C,)}


UNKNOWN = Unknown(label="Unknown", shape=(B, T, C), reads=("x",))
TINY = load_config("tiny", environ={}).config
ASKED: dict[str, Callable[[], object]] = {
    "matrix products": UNKNOWN.products,
    "formula": UNKNOWN.formula,
    "kernels": lambda: UNKNOWN.kernels("x", [], None),  # type: ignore[arg-type]
    "draws": lambda: UNKNOWN.draws("torch", 0.02),
    "leaf": lambda: leaf_class(Unknown),
    "path of attention": lambda: describe(TINY, "unknown"),  # type: ignore[arg-type]
    "words of the page": lambda: kind_of("unheard-of unknown"),
}


@pytest.mark.parametrize("asked", ASKED)
def test_an_unknown_kind_raises(asked: str) -> None:
    with pytest.raises(NotImplementedError, match="unknown"):
        ASKED[asked]()


NETWORKS = [
    describe(load_config(name, environ={}).config, path) for name in preset_paths() for path in ("sdpa", "explicit")
]
KINDS = sorted({each.node.kind for network in NETWORKS for each in walk(network)} - {"network"})


@pytest.mark.parametrize("kind", KINDS)
def test_every_described_kind_has_words(kind: str) -> None:
    words = kind_of(kind)
    assert words.sentence.endswith(".")
    assert words.family in {*FAMILIES, "block"}
