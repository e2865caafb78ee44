"""Numbers as people read them: separators, shares, binary and decimal byte units, each labelled truthfully."""

from collections.abc import Sequence
from math import floor, isfinite, log10

# Powers of 1000 and of 1024; a name without the i is decimal (IEC 80000-13).
BYTE_SCALES: dict[str, int] = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGTPE", start=1)},
}
COUNT_SCALES: dict[str, int] = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
FLOP_SCALES: dict[str, int] = {"": 1, **{letter: 1000**power for power, letter in enumerate("KMGTPEZ", start=1)}}

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_MOST_DECIMALS = 12
_FLOPS = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_WRITTEN_OUT = 10**9
_SCALES = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))


def count(number: int) -> str:
    """``163009536`` -> ``163,009,536``."""
    return f"{number:,}"


def short_count(number: int) -> str:
    """``163009536`` -> ``163.0M``."""
    for scale, letter in _SCALES:
        if number >= scale:
            return f"{number / scale:.1f}{letter}"
    return str(number)


def share(part: int, whole: int) -> str:
    """Return a share in percent with one decimal."""
    return f"{100 * part / whole:.1f}%" if whole else "-"


def significant(number: float, digits: int) -> str:
    """``54433.51``, 4 -> ``54,430``: no more digits than so many, however large the number is."""
    if not isfinite(number) or number == 0:
        return f"{number:g}"
    decimals = digits - 1 - floor(log10(abs(number)))
    rounded = round(number, decimals)
    return f"{rounded:,.{max(decimals, 0)}f}" if abs(rounded) < _WRITTEN_OUT else f"{rounded:.{digits - 1}e}"


def shape(sizes: Sequence[int]) -> str:
    """``(1, 4, 768)`` -> ``1 x 4 x 768``."""
    return " x ".join(map(str, sizes))


def symbol_text(symbols: Sequence[str]) -> str:
    """``["B", "T", "3C"]`` -> ``(B, T, 3C)``."""
    return f"({', '.join(symbols)})"


def short_flops(number: int) -> str:
    """``291648307200`` -> ``291.65 GFLOPs``; prefixes are powers of 1000."""
    power = 0
    while power + 1 < len(_FLOPS) and number >= 1000 ** (power + 1):
        power += 1
    return f"{number / 1000**power:,.2f} {_FLOPS[power]}FLOPs" if power else f"{number} FLOPs"


def mebibytes(number: int) -> str:
    """Return bytes in MiB (2**20 bytes) with two decimals."""
    return f"{number / 2**20:,.2f}"


def megabytes(number: int) -> str:
    """Return bytes in MB (10**6 bytes) with two decimals."""
    return f"{number / 10**6:,.2f}"


def binary(number: int) -> str:
    """``652038144`` -> ``621.83 MiB``; MiB up to ten thousand of them, so that it shows the lecture's own figure."""
    if 2**20 <= number < 10_000 * 2**20:
        return f"{mebibytes(number)} MiB"
    return _scaled(number, 1024, _BINARY)


def scaled(number: int) -> str:
    """``4294967296`` -> ``4.00 GiB``: always the unit that leaves the fewest digits, for narrow columns."""
    return _scaled(number, 1024, _BINARY)


def decimal(number: int) -> str:
    """``652038144`` -> ``652.04 MB``."""
    if 10**6 <= number < 10_000 * 10**6:
        return f"{megabytes(number)} MB"
    return _scaled(number, 1000, _DECIMAL)


def in_unit(number: int, scale: int, least: int = 2) -> str:
    """Return a number in a unit of that size: two decimals, and three significant digits below a tenth.

    ``in_unit(2_931_000_000, 2**30)`` -> ``2.73``; ``in_unit(2_931_000_000, 2**40)`` -> ``0.00267``. More decimals are
    shown where ``least`` asks for them.
    """
    if scale == 1:
        return count(number)
    value = number / scale
    digits = least if value >= 0.1 or not number else max(least, min(2 - floor(log10(value)), _MOST_DECIMALS))
    return f"{value:,.{digits}f}"


def decimals_apart(numbers: Sequence[int], scale: int) -> int:
    """Return how many decimals different numbers need to look different in a unit of that size, two at least."""
    different = set(numbers)
    for decimals in range(2, _MOST_DECIMALS):
        if len({in_unit(number, scale, decimals) for number in different}) == len(different):
            return decimals
    return _MOST_DECIMALS


def as_asked(number: int, scale: int) -> str:
    """Return a limit in the unit it was given in, as short as a person writes it: ``24``, ``0.5``."""
    text = f"{number / scale:,.6f}" if scale > 1 else count(number)
    return text.rstrip("0").rstrip(".") if "." in text else text


def sized(number: int, unit: str, least: int = 2) -> str:
    """Return bytes in a unit of `BYTE_SCALES`: ``2.73 GiB``; with more than two decimals as for `in_unit`."""
    return f"{in_unit(number, BYTE_SCALES[unit], least)} {unit}"


def enough(number: int, unit: str) -> str:
    """Return bytes rounded up to two decimals of a unit, spelled so that an option takes it: ``2.74GiB``."""
    hundredths = -(-number * 100 // BYTE_SCALES[unit])
    return f"{number}B" if unit == "B" else f"{hundredths // 100}.{hundredths % 100:02}{unit}"


def both(number: int) -> str:
    """Return a size in both families of units: ``621.83 MiB (652.04 MB)``."""
    return f"{binary(number)} ({decimal(number)})"


def seconds(duration: float) -> str:
    """``0.0421`` -> ``42 ms``."""
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.2f} s"


def short_seconds(duration: float) -> str:
    """``0.0000421`` -> ``42 \u00b5s``: the unit that leaves the fewest digits, in six characters for under 1000 s."""
    if duration < 9.995e-4:
        return f"{duration * 1e6:.0f} \u00b5s"
    if duration < 0.9995:
        return f"{duration * 1e3:.{1 if duration < 0.00995 else 0}f} ms"
    return f"{duration:.{2 if duration < 9.995 else 1}f} s"


def _scaled(number: int, base: int, names: Sequence[str]) -> str:
    power = 0
    while power + 1 < len(names) and number >= base ** (power + 1):
        power += 1
    return f"{number} B" if power == 0 else f"{number / base**power:,.2f} {names[power]}"
