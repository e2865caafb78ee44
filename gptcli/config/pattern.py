"""Patterns of layers as short words: ``5LF`` is LLLLLF, over and over."""

import re

# Letters of a layer pattern: which layers have a window, which have chunks, and which know no positions.
WINDOWS = frozenset("LM")
CHUNKS = frozenset("CO")
UNPLACED = frozenset("NMO")

_LETTERS = re.compile(r"(\d*)([A-Z])")
_WHOLE = re.compile(r"(\d*[A-Z])+")


def letters(pattern: str, most: int | None = None) -> str:
    """``5LF`` -> ``LLLLLF``, cut after ``most`` letters.

    Raises:
        ValueError: it is no pattern.
    """
    if not is_pattern(pattern):
        raise ValueError(pattern)
    found: list[str] = []
    left = most
    for amount, letter in _LETTERS.findall(pattern):
        times = int(amount or 1)
        times = times if left is None else min(times, left)
        found.append(letter * times)
        left = None if left is None else left - times
    return "".join(found)


def is_pattern(text: str) -> bool:
    """Return whether a text is capitals, each with how often it comes where that is not once."""
    return _WHOLE.fullmatch(text) is not None


def shortened(word: str) -> str:
    """``LLLLLFLLLLLF`` -> ``5LF``: the shortest pattern that gives the word when it comes over and over."""
    runs = re.findall(r"((.)\2*)", word[: _period(word)])
    return "".join(f"{len(run) if len(run) > 1 else ''}{letter}" for run, letter in runs)


def _period(word: str) -> int:
    """Return after how many letters the word begins anew (Knuth, Morris and Pratt 1977, section 2)."""
    borders = [0] * len(word)
    for end in range(1, len(word)):
        border = borders[end - 1]
        while border and word[end] != word[border]:
            border = borders[border - 1]
        borders[end] = border + (word[end] == word[border])
    return len(word) - borders[-1] if word else 0
