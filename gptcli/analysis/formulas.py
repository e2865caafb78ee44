"""Sums of products of dimensions, as formulas that people read and Python evaluates."""

from collections.abc import Iterable, Mapping

from gptcli.architecture import Dim, Shape, Sizes


def product(shape: Shape, *factors: int) -> str:
    """``(B, T, 3C)`` and 4 -> ``B*T*3*C*4``."""
    return "*".join([*(_dim(dim) for dim in shape), *map(str, factors)])


def summed(terms: Iterable[str]) -> str:
    """Join terms by a plus; no term is 0."""
    return " + ".join(terms) or "0"


def linear_in_layers(count: int, count_with_one_more: int, layers: int) -> str:
    """Write a count as ``a*L + b`` from its values at L and at L + 1 layers; exact at L whatever it does elsewhere."""
    slope = count_with_one_more - count
    rest = count - slope * layers
    if slope == 0:
        return str(count)
    factor = "L" if slope == 1 else f"{slope}*L"
    return factor if rest == 0 else f"({factor} {'+' if rest > 0 else '-'} {abs(rest)})"


def used_values(formula: str, sizes: Sizes) -> dict[str, int]:
    """Return the symbols of a formula with their values."""
    return {symbol: value for symbol, value in sizes.items() if symbol.isalpha() and _mentions(formula, symbol)}


def evaluate(formula: str, values: Mapping[str, int]) -> int:
    """Evaluate a formula of this module's making: whole numbers, symbols, ``+ - * // ( )``."""
    return int(eval(formula, {"__builtins__": {}}, dict(values)))  # noqa: S307  # our own text, no names but the values


def _dim(dim: Dim) -> str:
    terms = ["*".join([*([str(factor)] if factor != 1 or not axes else []), *axes]) for factor, axes in dim.terms]
    return terms[0] if len(terms) == 1 else f"({' + '.join(terms)})"


def _mentions(formula: str, symbol: str) -> bool:
    import re

    return re.search(rf"\b{symbol}\b", formula) is not None
