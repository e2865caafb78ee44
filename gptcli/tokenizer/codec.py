"""Text to token ids and back."""

import re
from collections.abc import Iterator, Sequence

from gptcli.errors import InputError
from gptcli.reports.tokens import Token
from gptcli.tokenizer.tokenizer import no_such_id, token_with
from gptcli.tokenizer.vocabulary import END_OF_TEXT, END_OF_TEXT_ID, NAME, SIZE, encoding

# The pattern's engine gives up on a run of about a million whitespace characters that something follows; runs from
# here on are cut before it sees them.
_LONG_RUN = 10_000
# White_Space of Unicode, which is what the pattern's \s means; Python's own \s has four control characters more.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000"
)
_WHITE_SPACE_RUN = f"[{WHITE_SPACE}]+"


def encode(text: str, *, allow_special: bool = False) -> list[int]:
    """Return the token ids of a text.

    Args:
        text: any text without lone surrogates; `check_text` finds those.
        allow_special: read ``<|endoftext|>`` as the special token 50256 and not as its thirteen characters.
    """
    if _may_hold_long_run(text):
        return _encode_in_parts(text, allow_special=allow_special)
    if allow_special:
        return encoding().encode(text, allowed_special="all")
    return encoding().encode_ordinary(text)


def _may_hold_long_run(text: str) -> bool:
    """Return True for any text with a run of `_LONG_RUN` whitespace characters, at a cost that no text notices."""
    step = _LONG_RUN // 2  # such a run covers one of the blocks of this size whole
    return any(text[at : at + step].isspace() for at in range(0, len(text) - step + 1, step))


def _encode_in_parts(text: str, *, allow_special: bool) -> list[int]:
    ids: list[int] = []
    for number, passage in enumerate(text.split(END_OF_TEXT) if allow_special else [text]):
        ids += [END_OF_TEXT_ID] if number else []
        for part in _parts(passage):
            ids += encoding().encode_ordinary(part)
    return ids


def _parts(text: str) -> Iterator[str]:
    r"""Cut a text where the pattern cuts it in any case: before a long run of whitespace and before its last character.

    Of a run that something follows, ``\s+(?!\S)`` takes all but the last character, which may belong to the next
    word; alone, the same characters are one piece too, by ``\s++$``.
    """
    start = 0
    for run in re.finditer(_WHITE_SPACE_RUN, text):
        if run.end() - run.start() < _LONG_RUN:
            continue
        body_end = run.end() - (run.end() < len(text))
        yield text[start : run.start()]
        yield text[run.start() : body_end]
        start = body_end
    yield text[start:]


def check_text(text: str, place: str) -> None:
    """Refuse text that no UTF-8 can carry.

    Raises:
        InputError: a lone surrogate, as Python makes it of command-line bytes that are not UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        what = (
            f"byte 0x{code - 0xDC00:02X} is not UTF-8" if 0xDC80 <= code <= 0xDCFF else f"U+{code:04X} is half a pair"
        )
        raise InputError(f"{place}: character {error.start + 1}: {what}; give the text in UTF-8") from None


def decode_bytes(ids: Sequence[int]) -> bytes:
    """Return the bytes of some tokens, which need not be whole UTF-8 characters.

    Raises:
        InputError: an id outside the vocabulary.
    """
    for position, token in enumerate(ids):
        if not 0 <= token < SIZE:
            raise InputError(no_such_id(token, position, NAME, SIZE))
    return encoding().decode_bytes(ids)


def token_of(token_id: int) -> Token:
    """Return id, text and bytes of one token; an id outside the encoding spells nothing."""
    return token_with(token_id, encoding().decode_single_token_bytes(token_id) if token_id < SIZE else None)
