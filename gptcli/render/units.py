"""Numbers as people read them: separators, shares, binary and decimal byte units, each labelled truthfully."""

from collections.abc import Sequence
from math import floor, isfinite, log10

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
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


def mebibytes(number: int) -> str:
    """Return bytes in MiB (2**20 bytes) with two decimals."""
    return f"{number / 2**20:,.2f}"


def megabytes(number: int) -> str:
    """Return bytes in MB (10**6 bytes) with two decimals."""
    return f"{number / 10**6:,.2f}"


def binary(number: int) -> str:
    """``652038144`` -> ``621.83 MiB``; MiB up to ten thousand of them, so that the lecture's figure stands as it is."""
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
