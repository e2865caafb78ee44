"""Dimensions over named axes, so that a shape reads ``(B, T, C)`` before it reads ``(1, 4, 768)``."""

from collections.abc import Iterable, Mapping
from math import prod

from msgspec import Struct

Term = tuple[int, tuple[str, ...]]  # a whole factor and the axes it is multiplied with


class Dim(Struct, frozen=True, cache_hash=True):
    """A dimension: a sum of products of axes, such as ``3C`` or ``(H + 2G)D``; a plain number has no axes.

    Attributes:
        terms: no two with the same axes, none with the factor 0.
    """

    terms: tuple[Term, ...]

    def __str__(self) -> str:
        shared = _shared_last_axis(self.terms)
        if shared:
            return f"({' + '.join(_written(factor, axes[:-1]) for factor, axes in self.terms)}){shared}"
        first = _shared_first_axis(self.terms)
        if first:
            return f"{first}({' + '.join(_written(factor, axes[1:]) for factor, axes in self.terms)})"
        return " + ".join(_written(*term) for term in self.terms)

    def __rmul__(self, factor: int) -> "Dim":
        return Dim(tuple((factor * own, axes) for own, axes in self.terms))

    def __mul__(self, other: "Dim") -> "Dim":
        return _collected((a * b, (*left, *right)) for a, left in self.terms for b, right in other.terms)

    def __add__(self, other: "Dim") -> "Dim":
        return _collected((*self.terms, *other.terms))


def _written(factor: int, axes: tuple[str, ...]) -> str:
    symbols = "".join(axes)
    return symbols if factor == 1 and symbols else f"{factor}{symbols}"


def _shared_last_axis(terms: tuple[Term, ...]) -> str:
    """Return the axis that ends every term of a sum, or nothing."""
    last = {axes[-1] if axes else "" for _, axes in terms}
    return last.pop() if len(terms) > 1 and len(last) == 1 else ""


def _shared_first_axis(terms: tuple[Term, ...]) -> str:
    """Return the axis that begins every term of a sum, or nothing."""
    first = {axes[0] if axes else "" for _, axes in terms}
    return first.pop() if len(terms) > 1 and len(first) == 1 else ""


def _collected(terms: Iterable[Term]) -> Dim:
    factors: dict[tuple[str, ...], int] = {}
    for factor, axes in terms:
        factors[axes] = factors.get(axes, 0) + factor
    return Dim(tuple((factor, axes) for axes, factor in factors.items() if factor))


Shape = tuple[Dim, ...]
Sizes = Mapping[str, int]


def axis(symbol: str) -> Dim:
    """Return the dimension that is one axis."""
    return Dim(((1, (symbol,)),))


def number(value: int) -> Dim:
    """Return a dimension that has the same size in every model."""
    return Dim(((value, ()),))


B = axis("B")
T = axis("T")
C = axis("C")
H = axis("H")
G = axis("G")
D = axis("D")
F = axis("F")
V = axis("V")
L = axis("L")
S = axis("S")
K = axis("K")
A = axis("A")
E = axis("E")
I = axis("I")  # noqa: E741  # an axis is one letter
J = axis("J")
M = axis("M")
P = axis("P")
Q = axis("Q")
R = axis("R")
U = axis("U")
W = axis("W")
Y = axis("Y")
ONE = number(1)

MEANING = {
    "B": "batch: texts at once",
    "T": "tokens in a text",
    "C": "embedding width",
    "H": "attention heads",
    "G": "key and value heads",
    "D": "width of one head, usually C / H",
    "F": "feed-forward width, usually 4C",
    "V": "vocabulary entries",
    "L": "transformer blocks",
    "S": "context length",
    "K": "keys: tokens that a token may attend to",
    "W": "window: tokens that a local layer attends to",
    "E": "routed experts",
    "A": "routed experts that a token visits",
    "M": "width of a routed expert",
    "Y": "width of the shared expert",
    "R": "width of a head that is rotated",
    "P": "width of a head that is not rotated",
    "U": "width of a head's values",
    "Q": "width of the queries' latent",
    "J": "width of the latent of keys and values",
    "I": "width of the token table",
}


def size(dim: Dim, sizes: Sizes) -> int:
    """Return the number a dimension stands for."""
    total = 0
    for factor, axes in dim.terms:
        term = factor
        for symbol in axes:
            term *= sizes[symbol]
        total += term
    return total


def shape_sizes(shape: Shape, sizes: Sizes) -> tuple[int, ...]:
    """Return a shape in numbers."""
    return tuple(size(dim, sizes) for dim in shape)


def elements(shape: Shape, sizes: Sizes) -> int:
    """Return how many numbers a tensor of this shape holds."""
    return prod(shape_sizes(shape, sizes))


def bound(shape: Shape, sizes: Sizes) -> Shape:
    """Return the shape with some axes replaced by their sizes: those that one layer has of its own."""
    return tuple(_bound(dim, sizes) for dim in shape) if sizes else shape


def _bound(dim: Dim, sizes: Sizes) -> Dim:
    return _collected(
        (factor * prod(sizes.get(symbol, 1) for symbol in axes), tuple(each for each in axes if each not in sizes))
        for factor, axes in dim.terms
    )


def plain(shape: Shape, sizes: Sizes) -> Shape:
    """Return the shape as people read it: ``(H + 2G)D`` as ``3C`` where G = H and HD = C."""
    return tuple(_plain(dim, sizes) for dim in shape)


def _plain(dim: Dim, sizes: Sizes) -> Dim:
    grouped = sizes.get("G") != sizes.get("H")
    whole = sizes.get("H", 0) * sizes.get("D", 0) == sizes.get("C")
    if len(dim.terms) == 1 and len(dim.terms[0][1]) < 2 and (grouped or dim.terms[0][1] != ("G",)):
        return dim  # nothing to replace, as in nearly every dimension
    return _collected((factor, _plain_axes(axes, grouped=grouped, whole=whole)) for factor, axes in dim.terms)


def _plain_axes(axes: tuple[str, ...], *, grouped: bool, whole: bool) -> tuple[str, ...]:
    if not grouped:
        axes = tuple("H" if each == "G" else each for each in axes)
    if whole and {"H", "D"} <= set(axes):
        rest = list(axes)
        rest.remove("H")
        rest.remove("D")
        axes = (*rest, "C")
    return axes


def read_sizes(sizes: Sizes) -> dict[str, int]:
    """Return the sizes that people read of: without G where G = H, as every head then has keys of its own."""
    return {symbol: value for symbol, value in sizes.items() if symbol != "G" or value != sizes.get("H")}
