"""GPT-2's encoding as a tokenizer."""

from collections.abc import Sequence

from gptcli.reports.tokens import Token
from gptcli.tokenizer.codec import decode_bytes, encode, token_of
from gptcli.tokenizer.vocabulary import NAME, SIZE


class PackagedTokenizer:
    """tiktoken's encoder with the packaged vocabulary; it is made when it is first needed."""

    name = NAME
    size = SIZE
    entries = SIZE
    guessed = False

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """As of every tokenizer; nothing is put around a text."""
        return encode(text, allow_special=allow_special)

    def special_in(self, text: str) -> Token | None:
        """Return None: that ``<|endoftext|>`` is text is documented, and needs no note."""
        return None

    def token_of(self, token_id: int) -> Token:
        """As of every tokenizer."""
        return token_of(token_id)

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """As of every tokenizer."""
        return decode_bytes(ids)

    def bytes_after(self, previous: int | None, token_id: int) -> bytes:
        """As of every tokenizer; a token spells the same wherever it stands."""
        return decode_bytes([token_id]) if token_id < SIZE else b""


GPT2 = PackagedTokenizer()
