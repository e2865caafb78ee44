"""Tokens, as several reports list them."""

from msgspec import Struct


class Token(Struct, frozen=True):
    """One token: its id, its text (U+FFFD where its bytes alone are no UTF-8) and its bytes in hex.

    Attributes:
        id: the token's number.
        text: null where the tokenizer has no such id, or where there is no tokenizer.
        bytes: empty where the tokenizer has no such id, null where there is no tokenizer.
    """

    id: int
    text: str | None
    bytes: str | None
