"""Every kind of operation has a rule and words wherever one is asked for; an unknown kind raises."""

from collections.abc import Callable
from typing import ClassVar

import pytest

from gptcli.architecture import network, operations
from gptcli.architecture.equations import equation
from gptcli.architecture.flops import matrix_products
from gptcli.architecture.kernels import kernels
from gptcli.architecture.symbols import B, C, T
from gptcli.config import load_config
from gptcli.render.page.words import FAMILIES, kind_of


class Unknown(operations.Operation, frozen=True, kw_only=True):
    """A kind that nothing knows."""

    kind: ClassVar[str] = "unknown"


UNKNOWN = Unknown(label="Unknown", shape=(B, T, C), reads=("x",))
ASKED: dict[str, Callable[[], object]] = {
    "matrix products": lambda: matrix_products(UNKNOWN),
    "equation": lambda: equation(UNKNOWN),
    "kernels": lambda: kernels(UNKNOWN, "x", [], None),  # type: ignore[arg-type]
    "path of attention": lambda: network.describe(load_config("tiny", environ={}).config, "unknown"),  # type: ignore
    "words of the page": lambda: kind_of(UNKNOWN.kind),
}


@pytest.mark.parametrize("asked", ASKED)
def test_an_unknown_kind_raises(asked: str) -> None:
    with pytest.raises(NotImplementedError, match="unknown"):
        ASKED[asked]()


DESCRIBED = [
    *(each for each in operations.Operation.__subclasses__() if each is not Unknown),
    *(each for each in network.Group.__subclasses__() if each is not network.Network),
]


@pytest.mark.parametrize("described", DESCRIBED, ids=lambda each: each.kind)
def test_every_described_kind_has_words(described: type[operations.Operation | network.Group]) -> None:
    words = kind_of(described.kind)
    assert words.sentence.endswith(".")
    assert words.family in {*FAMILIES, "block"}
