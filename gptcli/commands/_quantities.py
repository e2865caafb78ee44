"""Quantities as people type them - ``24GiB``, ``1.5B``, ``2P`` - read exactly, without floating point."""

import re
from collections.abc import Mapping
from math import prod

from msgspec import Struct

from gptcli.errors import InputError

# Powers of 1000 and of 1024; a name without the i is decimal (IEC 80000-13).
_BYTE_SCALES: dict[str, int] = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGTP", start=1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGTP", start=1)},
}
_COUNT_SCALES: dict[str, int] = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_FLOP_SCALES: dict[str, int] = {"": 1, **{letter: 1000**power for power, letter in enumerate("KMGTPEZ", start=1)}}

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


class Rounded(Struct, frozen=True):
    """A number as precise as it was written: ``124.44M`` is 124,440,000 in steps of 10,000; an exact one has step 1."""

    value: int
    step: int


def parse_bytes(text: str, option: str) -> int:
    """Read an amount of memory.

    Args:
        text: a number with a unit, in any case: ``24GB`` is 24 * 10^9 bytes, ``24GiB`` is 24 * 2^30.
        option: the option it was given to, for the message.

    Returns:
        Whole bytes; what is left of a byte is dropped, as no tensor can use it.

    Raises:
        InputError: no unit, an unknown unit, or not a number above zero.
    """
    return _read(text, option, _BYTE_SCALES, _BYTE_EXAMPLES)


def parse_count(text: str, option: str) -> int:
    """Read a number of parameters: ``130M``, ``1.5B``, ``163009536``, ``1e9``.

    Raises:
        InputError: an unknown suffix, a fraction of a parameter, or not a number above zero.
    """
    return _read(text, option, _COUNT_SCALES, _COUNT_EXAMPLES, whole=True)


def parse_rounded_count(text: str, option: str) -> Rounded:
    """Read a number of parameters together with how finely it was written.

    ``137M``, ``124.44M`` and ``1.24e8`` are as fine as their last digit; ``163009536`` and a product of sizes such as
    ``50257*768`` are exact.

    Raises:
        InputError: as `parse_count`.
    """
    factors = _TIMES.split(text)
    if 1 < len(factors) <= _MOST_FACTORS:
        counts = [_read(each, option, _COUNT_SCALES, _COUNT_EXAMPLES, whole=True, shown=text) for each in factors]
        return Rounded(prod(counts), 1)
    value = parse_count(text, option)
    match = _match(text)
    assert match is not None
    scale = _scale(match["unit"], _COUNT_SCALES)
    assert scale is not None
    scale *= 10 ** int(match["exponent"] or 0)
    return Rounded(value, max(scale // 10 ** len(match["decimals"] or ""), 1))


def parse_flops(text: str, option: str) -> int:
    """Read a number of floating-point operations: ``1e12``, ``1T``, ``2.5P``, ``2.5 PFLOPs``.

    Raises:
        InputError: an unknown suffix, or not a number above zero.
    """
    spelled = re.sub(r"(?i) *flops?$", "", text.strip())
    return _read(spelled, option, _FLOP_SCALES, _FLOP_EXAMPLES, shown=text)


def _read(
    text: str, option: str, scales: Mapping[str, int], examples: str, *, whole: bool = False, shown: str | None = None
) -> int:
    from fractions import Fraction  # only for commands that were given a quantity

    name = f"{option} {(text if shown is None else shown)!r}"
    match = _match(text)
    if match is None:
        raise InputError(f"{name} is not a number above zero; write for example {examples}")
    scale = _scale(match["unit"], scales)
    if scale is None:
        what = f"has the unknown unit {match['unit']!r}" if match["unit"] else "has no unit"
        choices = ", ".join(filter(None, scales))
        raise InputError(f"{name} {what}; write for example {examples} (units: {choices})")
    value = Fraction(match["number"]) * scale
    if value == 0:
        raise InputError(f"{name} is zero; write for example {examples}")
    if value < 1 or (whole and value.denominator != 1):
        raise InputError(f"{name} is not whole; write for example {examples}")
    return int(value)


def _match(text: str) -> re.Match[str] | None:
    return _NUMBER.fullmatch(_GROUPED.sub("", text.strip()).lower())


def _scale(unit: str, scales: Mapping[str, int]) -> int | None:
    return next((scale for name, scale in scales.items() if name.lower() == unit), None)
