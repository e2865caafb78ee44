"""What every tokenizer can do, whatever file it is made of."""

from collections.abc import Sequence
from typing import Protocol

from gptcli.reports.tokens import Token


class Tokenizer(Protocol):
    """Texts to token ids and back."""

    @property
    def name(self) -> str:
        """What to call it in messages and reports: the name of an encoding, or the path of a file."""
        ...

    @property
    def size(self) -> int:
        """One more than the largest id."""
        ...

    @property
    def entries(self) -> int:
        """Tokens that the model must have, which leaves out added ones: some models have no rows for those."""
        ...

    @property
    def guessed(self) -> bool:
        """Whether how it cuts texts is a guess, because its file does not say it."""
        ...

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """Return the token ids of a text, with those that the tokenizer itself puts around it.

        Args:
            text: any text without lone surrogates; `check_text` finds those.
            allow_special: read the special tokens that the text spells as such, and not as their characters.

        Raises:
            InputError: the tokenizer cannot read this text.
        """
        ...

    def special_in(self, text: str) -> Token | None:
        """Return a special token that a text spells, which only `allow_special` reads as such; None without one."""
        ...

    def token_of(self, token_id: int) -> Token:
        """Return id, text and bytes of one token, wherever it stands; no text where there is no such id."""
        ...

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """Return the bytes of a text that begins with these tokens; they need not be whole UTF-8 characters.

        Raises:
            InputError: an id that the tokenizer does not have.
        """
        ...

    def bytes_after(self, previous: int | None, token_id: int) -> bytes:
        """Return the bytes that a token adds to the text before it; none where there is no such id.

        Args:
            previous: the token before it, or None at the beginning of a text.
            token_id: the token.
        """
        ...


def nameless(token_id: int) -> Token:
    """Return an id as the token that it is without a tokenizer: nothing says what it spells."""
    return Token(token_id, None, None)


def token_with(token_id: int, data: bytes | None) -> Token:
    """Return the token of an id with its bytes; None where no such token exists, which spells nothing."""
    if data is None:
        return Token(token_id, None, "")
    return Token(token_id, data.decode(errors="replace"), data.hex())


def no_such_id(token_id: int, position: int, name: str, size: int) -> str:
    """Say that a tokenizer does not have an id."""
    return f"id {token_id} at position {position}: {name} has the ids 0 to {size - 1}"


def is_failure(error: BaseException) -> bool:
    """Return whether an error is a failure of a package: Rust's panics are no `Exception`, and have no public name."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
