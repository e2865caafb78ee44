"""A model's own ``tokenizer.json``, read by the ``tokenizers`` package.

Ids are those of transformers' ``tokenizer(text)["input_ids"]``: what the file's post-processor puts around a text, such
as the token of its beginning, is there, and nothing is cut or padded, whatever the file says of that. One thing differs
on purpose: special tokens that a text spells are text, as they are for GPT-2, unless they are allowed.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from gptcli.config.printable import printable, shortened
from gptcli.errors import InputError
from gptcli.reports.tokens import Token
from gptcli.tokenizer.spelling import Spelling, UnknownDecoderError, in_alphabet, spelling_of
from gptcli.tokenizer.tokenizer import is_failure, no_such_id, token_with

if TYPE_CHECKING:
    import tokenizers


class TokenizerFile:
    """A tokenizer of the ``tokenizers`` package.

    Args:
        data: the file.
        path: where it is, for messages.

    Raises:
        InputError: it is no tokenizer, or spells its tokens in a way that is not known.
    """

    guessed = False

    def __init__(self, data: bytes, path: str) -> None:
        self.name = printable(path)
        self._tokenizer = _built(data, self.name)
        self._spelling = _spelling(self._tokenizer, self.name)

    @cached_property
    def size(self) -> int:
        """One more than the largest id."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @property
    def entries(self) -> int:
        """As of every tokenizer."""
        return self._tokenizer.get_vocab_size(with_added_tokens=False)

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """As of every tokenizer."""
        self._tokenizer.encode_special_tokens = not allow_special
        try:
            return list(self._tokenizer.encode(text).ids)
        except BaseException as error:
            if not is_failure(error):
                raise
            raise InputError(f"{self.name}: cannot read {shortened(repr(text))}: {_reason(error)}") from None

    def special_in(self, text: str) -> Token | None:
        """As of every tokenizer; the one that stands first.

        A Unigram model has its special tokens among its pieces, and finds them in any text.
        """
        places = [(at, token_id) for token_id, content in self._special.items() if (at := text.find(content)) >= 0]
        if not places:
            return None
        _, token_id = min(places)
        return None if token_id in self.encode(text) else self.token_of(token_id)

    def token_of(self, token_id: int) -> Token:
        """As of every tokenizer."""
        token = self._token(token_id)
        return token_with(token_id, None if token is None else self._spelling.inside(token))

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """As of every tokenizer; special tokens spell what they are written as."""
        tokens = []
        for position, token_id in enumerate(ids):
            token = self._token(token_id)
            if token is None:
                raise InputError(no_such_id(token_id, position, self.name, self.size))
            tokens.append(token)
        return self._spelling.whole(tokens)

    def bytes_after(self, previous: int | None, token_id: int) -> bytes:
        """As of every tokenizer."""
        token = self._token(token_id)
        before = None if previous is None else self._token(previous) or ""
        return b"" if token is None else self._spelling.after(before, token)

    def _token(self, token_id: int) -> str | None:
        """Return a token as the vocabulary writes it, or None where there is no such id."""
        if not 0 <= token_id < 2**32:  # which the package could not take
            return None
        if self._spelling.alphabet and token_id in self._added:
            return self._added[token_id]
        return self._tokenizer.id_to_token(token_id)

    @cached_property
    def _added(self) -> dict[int, str]:
        """Added tokens, which are matched as they stand, in the alphabet of the others."""
        found = self._tokenizer.get_added_tokens_decoder()
        return {token_id: in_alphabet(token.content) for token_id, token in found.items()}

    @cached_property
    def _special(self) -> dict[int, str]:
        found = self._tokenizer.get_added_tokens_decoder()
        return {token_id: token.content for token_id, token in found.items() if token.special and token.content}


def _built(data: bytes, name: str) -> "tokenizers.Tokenizer":
    import tokenizers

    try:
        tokenizer = tokenizers.Tokenizer.from_str(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: byte 0x{data[error.start]:02X} at offset {error.start} is not UTF-8") from None
    except BaseException as error:
        if not is_failure(error):
            raise
        raise InputError(f"{name}: is not a tokenizer.json that can be used: {_reason(error)}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _spelling(tokenizer: "tokenizers.Tokenizer", name: str) -> Spelling:
    decoder = tokenizer.decoder
    state: Any = None if decoder is None else msgspec.json.decode(decoder.__getstate__())
    try:
        return spelling_of(state)
    except UnknownDecoderError as error:
        raise InputError(f"{name}: its decoder {error} is not that of a language model") from None


def _reason(error: BaseException) -> str:
    return printable(str(error).strip().removeprefix("Cannot instantiate Tokenizer from buffer: ") or "it fails")
