"""Quantities as people type them - ``24GiB``, ``1.5B``, ``2P`` - read exactly, without floating point."""

import re
from collections.abc import Iterable, Mapping
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from gptcli.errors import InputError
from gptcli.render.units import BYTE_SCALES, COUNT_SCALES, FLOP_SCALES

if TYPE_CHECKING:
    from fractions import Fraction

# A letter alone is read as tools that deal with memory read it (docker, java, slurm), and a note says so.
_BYTE_SPELLINGS = {
    **{letter: f"{letter}iB" for letter in "KMGTPE"},
    **{f"{letter}i": f"{letter}iB" for letter in "KMGTPE"},
    **dict.fromkeys(("byte", "bytes"), "B"),
}
_COUNT_SPELLINGS = {"thousand": "K", "million": "M", "billion": "B", "trillion": "T"}

_BYTE_EXAMPLES = "24GiB, 24GB or 0.5TiB"
_COUNT_EXAMPLES = "130M, 1.5B or 163009536"
_FLOP_EXAMPLES = "1e12, 1T or 2.5P"
_SPEED_EXAMPLES = "14000, 14k or 1.5e6"
_PEAK_EXAMPLES = "312, 312T or 1.2P"

# Bounded, so that no exponent makes a number that fills the memory.
_NUMBER = re.compile(
    r"\+?(?P<number>(?=\.?[0-9])[0-9]{0,30}(?:\.(?P<decimals>[0-9]{0,30}))?(?:e(?P<exponent>[+-]?[0-9]{1,2}))?)"
    r" *(?P<unit>[a-z]*)"
)
# The same without bounds: what is too long or too large, and no number that is misspelled.
_UNBOUNDED = re.compile(r"\+?(?=\.?[0-9])[0-9]*(?:\.[0-9]*)?(?:e[+-]?[0-9]+)? *[a-z]*")
_TIMES = re.compile(r"[*x\u00d7]")
_PLUS = re.compile(r"(?<=[\w.])(?<!e) *\+", re.IGNORECASE)  # neither a sign nor an exponent's
_MOST_FACTORS = 8
_GROUPED = re.compile(r"(?<=[0-9])[,_](?=[0-9]{3}(?![0-9]))")
# Spaces are matched from their first, so that a long run of them is read once.
_PARAMETERS = re.compile(r"(?<! ) *param(?:eter)?s?$", re.IGNORECASE)
_TOKENS_A_SECOND = re.compile(r"(?<! ) *tok(?:en)?s?(?: */ *s(?:ec)?)?$", re.IGNORECASE)
_FLOPS = re.compile(r"(?<! ) *flops?$", re.IGNORECASE)
_FLOPS_A_SECOND = re.compile(r"(?<! ) *flops?(?: */ *s(?:ec)?)?$", re.IGNORECASE)


class Quantity(Struct, frozen=True):
    """What was typed, in base units, and the unit it was typed in.

    Attributes:
        value: bytes, parameters or FLOPs.
        unit: the unit's own name: ``GiB``, ``M``; empty for a bare number.
        assumed: whether only a letter was given, of which ``unit`` is one reading.
        as_bits: whether it was spelled as bits are, ``8Gb``, and taken for bytes.
    """

    value: int
    unit: str
    assumed: bool = False
    as_bits: bool = False


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
    amount = _read(text, option, BYTE_SCALES, _BYTE_EXAMPLES, spellings=_BYTE_SPELLINGS, zero=zero)
    return replace(amount, as_bits=re.search(r"[KMGTPE]i?b$", text.strip()) is not None)


def parse_count(text: str, option: str) -> Quantity:
    """Read a number of parameters: ``130M``, ``1.5B``, ``163009536``, ``1e9``, ``163 million parameters``.

    Raises:
        InputError: an unknown suffix, a fraction of a parameter, or not a number above zero.
    """
    return _count(text, option, text)


def parse_rounded_count(text: str, option: str) -> Rounded:
    """Read a number of parameters together with how finely it was written.

    ``137M``, ``124.44M`` and ``1.24e8`` are as fine as their last digit; ``163009536`` and products of sizes and their
    sums, such as ``50257*768`` and ``4x768x768 + 3072``, are exact.

    Raises:
        InputError: as `parse_count`, or too many sizes.
    """
    terms = [_TIMES.split(term) for term in _PLUS.split(_PARAMETERS.sub("", text))]
    sizes = sum(map(len, terms))
    if sizes > _MOST_FACTORS:
        raise InputError(f"{option} {text!r} has {sizes} sizes, and {_MOST_FACTORS} are read; multiply some of them")
    if sizes > 1:
        return Rounded(sum(prod(_count(each, option, text).value for each in term) for term in terms), 1)
    number = parse_count(text, option)
    match = _match(_PARAMETERS.sub("", text))
    assert match is not None
    finest = int(match["exponent"] or 0) - len(match["decimals"] or "")
    scale = COUNT_SCALES[number.unit]
    return Rounded(number.value, max(scale * 10**finest if finest >= 0 else scale // 10**-finest, 1))


def parse_flops(text: str, option: str) -> Quantity:
    """Read a number of floating-point operations: ``1e12``, ``1T``, ``2.5P``, ``2.5 PFLOPs``.

    Raises:
        InputError: an unknown suffix, or not a number above zero.
    """
    spelled = _FLOPS.sub("", text.strip())
    return _read(spelled, option, FLOP_SCALES, _FLOP_EXAMPLES, shown=text)


def parse_speed(text: str, option: str) -> float:
    """Read tokens in a second: ``14000``, ``100k``, ``100,000``, ``14k tokens/s``.

    Raises:
        InputError: as `parse_count`, but for fractions.
    """
    spelled = _TOKENS_A_SECOND.sub("", text.strip())
    return float(_amount(spelled, option, COUNT_SCALES, _SPEED_EXAMPLES, spellings=_COUNT_SPELLINGS, shown=text)[0])


def parse_peak(text: str, option: str) -> float:
    """Read 10^12 FLOPs in a second: ``312``, and with a letter or a unit ``312T``, ``312 TFLOPS``, ``1.2P``.

    Raises:
        InputError: as `parse_flops`.
    """
    spelled = _FLOPS_A_SECOND.sub("", text.strip())
    bare = FLOP_SCALES["T"] if spelled == text.strip() else 1  # the option's own unit, where none is written
    scales = {**FLOP_SCALES, "": bare}
    return float(_amount(spelled, option, scales, _PEAK_EXAMPLES, shown=text)[0] / FLOP_SCALES["T"])


def _count(text: str, option: str, shown: str) -> Quantity:
    spelled = _PARAMETERS.sub("", text)
    match = _match(spelled)
    if match is not None and _named(match["unit"], COUNT_SCALES) is None and _named(match["unit"], BYTE_SCALES):
        raise InputError(
            f"{option} {shown!r} is in bytes, and parameters are counted; write for example {_COUNT_EXAMPLES}, "
            "or ask 'gptcli memory' for bytes"
        )
    return _read(spelled, option, COUNT_SCALES, _COUNT_EXAMPLES, spellings=_COUNT_SPELLINGS, whole=True, shown=shown)


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
    """Read a whole number of base units; with ``whole`` nothing may be left of one."""
    value, spelled = _amount(text, option, scales, examples, spellings=spellings, zero=zero, shown=shown)
    if 0 < value < 1 or (whole and value.denominator != 1):
        raise InputError(f"{option} {(text if shown is None else shown)!r} is not whole; write for example {examples}")
    unit = spellings.get(spelled, spelled)
    return Quantity(int(value), unit, assumed=len(spelled) == 1 and unit != spelled)


def _amount(
    text: str,
    option: str,
    scales: Mapping[str, int],
    examples: str,
    *,
    spellings: Mapping[str, str] = MappingProxyType({}),
    zero: bool = False,
    shown: str | None = None,
) -> tuple["Fraction", str]:
    """Read a number of base units, exactly, and the name of the unit it is spelled in."""
    from fractions import Fraction  # only for commands that were given a quantity

    name = f"{option} {(text if shown is None else shown)!r}"
    match = _match(text)
    if match is None:
        raise InputError(f"{name} {_fault(text, zero=zero)}; write for example {examples}{', or 0' if zero else ''}")
    spelled = _named(match["unit"], (*scales, *spellings))
    if spelled is None:
        what = f"has the unknown unit {match['unit']!r}" if match["unit"] else "has no unit"
        choices = ", ".join(filter(None, scales))
        raise InputError(f"{name} {what}; write for example {examples} (units: {choices})")
    value = Fraction(match["number"]) * scales[spellings.get(spelled, spelled)]
    if value == 0 and not zero:
        raise InputError(f"{name} is zero; write for example {examples}")
    return value, spelled


def _fault(text: str, *, zero: bool) -> str:
    """Say what is wrong with what is not read as a number."""
    plain = _plain(text)
    if plain.startswith("-") and _NUMBER.fullmatch(plain[1:]):
        return "is below zero" if zero else "is not a number above zero"
    if _UNBOUNDED.fullmatch(plain):
        return "has more digits than are read, 30 of a number and 2 of an exponent"
    if plain[:1].isdigit():
        return "is not a number with a unit"
    return "is not a number" if zero else "is not a number above zero"


def _match(text: str) -> re.Match[str] | None:
    return _NUMBER.fullmatch(_plain(text))


def _plain(text: str) -> str:
    return _GROUPED.sub("", text.strip()).lower()


def _named(unit: str, names: Iterable[str]) -> str | None:
    return next((name for name in names if name.lower() == unit), None)
