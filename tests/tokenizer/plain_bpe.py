"""Byte-pair encoding written plainly from its definition: the reference for ids on any text.

Merges the adjacent pair of lowest rank until none is left (Sennrich et al. 2016), in pieces cut by a splitter that
follows the words of GPT-2's pattern and not its regular expression.
"""

import base64
import unicodedata
from itertools import pairwise
from pathlib import Path


def read_ranks(path: Path) -> dict[bytes, int]:
    lines = path.read_text(encoding="ascii").splitlines()
    return {base64.b64decode(token): int(rank) for token, rank in (line.split(" ") for line in lines)}


def encode_plainly(text: str, ranks: dict[bytes, int]) -> list[int]:
    return [token for piece in pieces(text) for token in _merge(piece.encode(), ranks)]


def pieces(text: str) -> list[str]:
    """Contractions; an optional space and a run of letters, of digits or of other signs; runs of white space, of which
    the last character stays with the word behind it."""
    found = []
    at = 0
    while at < len(text):
        end = _piece_end(text, at)
        found.append(text[at:end])
        at = end
    return found


def _piece_end(text: str, at: int) -> int:
    for contraction in ("'s", "'d", "'m", "'t", "'ll", "'ve", "'re"):
        if text.startswith(contraction, at):
            return at + len(contraction)
    start = at + 1 if text[at] == " " and at + 1 < len(text) and _kind(text[at + 1]) != "space" else at
    kind = _kind(text[start])
    end = start
    while end < len(text) and _kind(text[end]) == kind:
        end += 1
    if kind != "space" or end == len(text):
        return end
    return max(end - 1, at + 1)


def _kind(character: str) -> str:
    if character in "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" or "\u2000" <= character <= "\u200a":
        return "space"
    category = unicodedata.category(character)
    return {"L": "letter", "N": "digit"}.get(category[0], "sign")


def _merge(piece: bytes, ranks: dict[bytes, int]) -> list[int]:
    parts = [bytes([byte]) for byte in piece]
    while len(parts) > 1:
        pairs = [(ranks.get(a + b, len(ranks)), i) for i, (a, b) in enumerate(pairwise(parts))]
        rank, at = min(pairs)
        if rank == len(ranks):
            break
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return [ranks[part] for part in parts]
