"""What the tokens of a ``tokenizer.json`` spell, in bytes: its decoder, read as rules for one token after another.

The ``tokenizers`` package decodes a whole list of tokens to text. A text that is shown while it comes needs what each
token adds to it, and a token that is half a character has bytes and no text. So the rules are applied here, token by
token; the bytes of all tokens together are the package's text wherever they are UTF-8.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from msgspec import Struct

_BYTE_TOKEN_LENGTH = 6  # <0x0A>

Rule = Callable[[str], str]


class UnknownDecoderError(Exception):
    """A decoder that is not understood; the message names it."""


class Spelling(Struct, frozen=True):
    """How tokens become bytes.

    Attributes:
        of: the bytes of a token inside a text.
        first: the bytes of the first token, where its kind of decoder treats it in another way; else None.
        strip: how many spaces go from the beginning of a text.
        separator: ends a token that a space follows, if another token does; empty where there is no such.
        alphabet: whether tokens are written in the alphabet of bytes.
    """

    of: Callable[[str], bytes]
    first: Callable[[str], bytes] | None = None
    strip: int = 0
    separator: str = ""
    alphabet: bool = False

    def inside(self, token: str) -> bytes:
        """Return the bytes of a token in the midst of a text."""
        if self.separator and token.endswith(self.separator):
            return self.of(token.removesuffix(self.separator)) + b" "
        return self.of(token)

    def after(self, previous: str | None, token: str) -> bytes:
        """Return the bytes that a token adds after another one, or at the beginning of a text."""
        if previous is None:
            return self.whole([token])
        if not self.separator:
            return self.of(token)
        space = b" " if previous.endswith(self.separator) else b""
        return space + self.of(token.removesuffix(self.separator))

    def whole(self, tokens: Sequence[str]) -> bytes:
        """Return the bytes of a text made of these tokens."""
        if not tokens:
            return b""
        begin, *rest = tokens
        data = (self.first or self.of)(begin.removesuffix(self.separator) if self.separator else begin)
        for previous, token in zip(tokens, rest, strict=False):
            data += self.after(previous, token)
        spaces = len(data) - len(data.lstrip(b" "))
        return data[min(spaces, self.strip) :]


def spelling_of(decoder: Mapping[str, Any] | None) -> Spelling:
    """Return what a decoder of ``tokenizer.json`` says.

    Raises:
        UnknownDecoderError: it is of another kind than those of language models.
    """
    if decoder is None:  # the package then joins tokens with spaces
        return Spelling(of=lambda token: b" " + token.encode(), first=str.encode)
    kind = decoder.get("type")
    if kind == "ByteLevel":
        return Spelling(of=_byte_level, alphabet=True)
    if kind == "Metaspace":
        return _metaspace(decoder)
    if kind == "BPEDecoder":
        return Spelling(of=str.encode, separator=decoder.get("suffix") or "</w>")
    if kind == "WordPiece" and not decoder.get("cleanup"):
        prefix = decoder.get("prefix") or "##"
        return Spelling(of=lambda token: _piece(token, prefix), first=str.encode)
    steps = decoder.get("decoders") if kind == "Sequence" else [decoder]
    return _sequence(steps if isinstance(steps, list) else [decoder])


def _piece(token: str, prefix: str) -> bytes:
    return token.removeprefix(prefix).encode() if token.startswith(prefix) else b" " + token.encode()


def _metaspace(decoder: Mapping[str, Any]) -> Spelling:
    sign = decoder.get("replacement") or "\u2581"
    prepends = decoder.get("prepend_scheme", "always") != "never"
    return Spelling(
        of=lambda token: token.replace(sign, " ").encode(),
        first=(lambda token: token.replace(sign, "").encode()) if prepends else None,
    )


def _sequence(steps: Sequence[Mapping[str, Any]]) -> Spelling:
    """Read a sequence: replacements, tokens that are bytes, and spaces that go from the beginning of the whole."""
    rules: list[Rule] = []
    fallback, fused, strip = False, False, 0
    for step in steps:
        kind = step.get("type")
        if kind == "ByteLevel" and len(steps) == 1:
            return Spelling(of=_byte_level, alphabet=True)
        if kind == "Metaspace" and len(steps) == 1:
            return _metaspace(step)
        if kind == "Replace" and isinstance(pattern := (step.get("pattern") or {}).get("String"), str):
            rules.append(_replacing(pattern, str(step.get("content", ""))))
        elif kind == "ByteFallback":
            fallback = True
        elif kind == "Fuse":
            fused = True
        elif kind == "Strip" and fused and step.get("content") == " " and not step.get("stop"):
            strip += int(step.get("start", 0))
        else:
            raise UnknownDecoderError(str(kind))
    return Spelling(of=lambda token: _replaced(token, rules, fallback=fallback), strip=strip)


def _replacing(pattern: str, content: str) -> Rule:
    return lambda token: token.replace(pattern, content)


def _replaced(token: str, rules: Sequence[Rule], *, fallback: bool) -> bytes:
    if fallback and (byte := _byte_of(token)) is not None:
        return byte
    for rule in rules:
        token = rule(token)
    return token.encode()


def _byte_of(token: str) -> bytes | None:
    """Return the byte of ``<0x0A>``, or None for any other token."""
    if len(token) != _BYTE_TOKEN_LENGTH or not (token.startswith("<0x") and token.endswith(">")):
        return None
    try:
        return bytes.fromhex(token[3:5])
    except ValueError:
        return None


def _byte_level(token: str) -> bytes:
    """Return the bytes of a token in GPT-2's alphabet of 256 characters; a token in others spells itself."""
    alphabet = byte_alphabet()
    if all(character in alphabet for character in token):
        return bytes(alphabet[character] for character in token)
    return token.encode()


def in_alphabet(text: str) -> str:
    """Return a text in the alphabet of bytes."""
    signs = {byte: sign for sign, byte in byte_alphabet().items()}
    return "".join(signs[byte] for byte in text.encode())


@cache
def byte_alphabet() -> dict[str, int]:
    """Return the byte that each character stands for (Radford et al. 2019, ``bytes_to_unicode`` of encoder.py).

    Bytes that print in Latin-1 stand for themselves, the others for the characters from 256 on, in order.
    """
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printing]
    return {chr(byte): byte for byte in printing} | {chr(256 + place): byte for place, byte in enumerate(others)}
