"""Tokens, as several reports list them."""

from msgspec import Struct


class Token(Struct, frozen=True):
    """One token: its id, its text (U+FFFD where its bytes alone are no UTF-8) and its bytes in hex."""

    id: int
    text: str
    bytes: str
