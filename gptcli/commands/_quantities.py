"""Quantities as people type them - ``24GiB``, ``1.5B``, ``2P`` - read exactly, without floating point."""

import re
from collections.abc import Iterable, Mapping
from math import prod
from types import MappingProxyType

from msgspec import Struct

from gptcli.errors import InputError
from gptcli.render.units import BYTE_SCALES, COUNT_SCALES, FLOP_SCALES

# A letter alone is read as tools that reckon in memory read it (docker, java, slurm), and a note says so.
_BYTE_SPELLINGS = {
    **{letter: f"{letter}iB" for letter in "KMGTP"},
    **{f"{letter}i": f"{letter}iB" for letter in "KMGTP"},
    **dict.fromkeys(("byte", "bytes"), "B"),
}

_BYTE_EXAMPLES = "24GiB, 24GB or 0.5TiB"
_COUNT_EXAMPLES = "130M, 1.5B or 163009536"
_FLOP_EXAMPLES = "1e12, 1T or 2.5P"

# Bounded, so that no exponent makes a number that fills the memory.
_NUMBER = re.compile(
    r"(?P<number>[0-9]{1,30}(?:\.(?P<decimals>[0-9]{1,30}))?(?:e\+?(?P<exponent>[0-9]{1,2}))?) *(?P<unit>[a-z]*)"
)
_TIMES = re.compile(r"[*x\u00d7]")
_MOST_FACTORS = 8
_GROUPED = re.compile(r"(?<=[0-9])[,_](?=[0-9]{3}(?![0-9]))")


class Quantity(Struct, frozen=True):
    """What was typed, in base units, and the unit it was typed in.

    Attributes:
        value: bytes, parameters or FLOPs.
        unit: the unit's own name: ``GiB``, ``M``; empty for a bare number.
        assumed: whether only a letter was given, of which ``unit`` is one reading.
    """

    value: int
    unit: str
    assumed: bool = False


class Rounded(Struct, frozen=True):
    """A number as precise as it was written: ``124.44M`` is 124,440,000 in steps of 10,000; an exact one has step 1."""

    value: int
    step: int


def parse_bytes(text: str, option: str, *, zero: bool = False) -> Quantity:
    """Read an amount of memory.

    Args:
        text: a number with a unit, in any case: ``24GB`` is 24 * 10^9 bytes, ``24GiB`` and ``24G`` are 24 * 2^30.
        option: the option it was given to, for the message.
        zero: whether none at all is an amount; it needs no unit.

    Returns:
        Whole bytes; what is left of a byte is dropped, as no tensor can use it.

    Raises:
        InputError: no unit, an unknown unit, or not a number above zero.
    """
    if zero and text.strip() == "0":
        return Quantity(0, "B")
    return _read(text, option, BYTE_SCALES, _BYTE_EXAMPLES, spellings=_BYTE_SPELLINGS, zero=zero)


def parse_count(text: str, option: str) -> Quantity:
    """Read a number of parameters: ``130M``, ``1.5B``, ``163009536``, ``1e9``.

    Raises:
        InputError: an unknown suffix, a fraction of a parameter, or not a number above zero.
    """
    return _read(text, option, COUNT_SCALES, _COUNT_EXAMPLES, whole=True)


def parse_rounded_count(text: str, option: str) -> Rounded:
    """Read a number of parameters together with how finely it was written.

    ``137M``, ``124.44M`` and ``1.24e8`` are as fine as their last digit; ``163009536`` and a product of sizes such as
    ``50257*768`` are exact.

    Raises:
        InputError: as `parse_count`.
    """
    factors = _TIMES.split(text)
    if 1 < len(factors) <= _MOST_FACTORS:
        counts = [_read(each, option, COUNT_SCALES, _COUNT_EXAMPLES, whole=True, shown=text) for each in factors]
        return Rounded(prod(each.value for each in counts), 1)
    number = parse_count(text, option)
    match = _match(text)
    assert match is not None
    scale = COUNT_SCALES[number.unit] * 10 ** int(match["exponent"] or 0)
    return Rounded(number.value, max(scale // 10 ** len(match["decimals"] or ""), 1))


def parse_flops(text: str, option: str) -> Quantity:
    """Read a number of floating-point operations: ``1e12``, ``1T``, ``2.5P``, ``2.5 PFLOPs``.

    Raises:
        InputError: an unknown suffix, or not a number above zero.
    """
    spelled = re.sub(r"(?i) *flops?$", "", text.strip())
    return _read(spelled, option, FLOP_SCALES, _FLOP_EXAMPLES, shown=text)


def _read(
    text: str,
    option: str,
    scales: Mapping[str, int],
    examples: str,
    *,
    spellings: Mapping[str, str] = MappingProxyType({}),
    whole: bool = False,
    zero: bool = False,
    shown: str | None = None,
) -> Quantity:
    from fractions import Fraction  # only for commands that were given a quantity

    name = f"{option} {(text if shown is None else shown)!r}"
    match = _match(text)
    if match is None:
        raise InputError(f"{name} is not a number above zero; write for example {examples}")
    spelled = _named(match["unit"], (*scales, *spellings))
    if spelled is None:
        what = f"has the unknown unit {match['unit']!r}" if match["unit"] else "has no unit"
        choices = ", ".join(filter(None, scales))
        raise InputError(f"{name} {what}; write for example {examples} (units: {choices})")
    unit = spellings.get(spelled, spelled)
    value = Fraction(match["number"]) * scales[unit]
    if value == 0 and not zero:
        raise InputError(f"{name} is zero; write for example {examples}")
    if 0 < value < 1 or (whole and value.denominator != 1):
        raise InputError(f"{name} is not whole; write for example {examples}")
    return Quantity(int(value), unit, assumed=len(spelled) == 1 and unit != spelled)


def _match(text: str) -> re.Match[str] | None:
    return _NUMBER.fullmatch(_GROUPED.sub("", text.strip()).lower())


def _named(unit: str, names: Iterable[str]) -> str | None:
    return next((name for name in names if name.lower() == unit), None)
