"""A ``.tiktoken`` file: a line for each token, base64 of its bytes and its rank, which is its id.

The file has neither the pattern that cuts a text before pieces are merged nor special tokens; both are in the program
that it belongs to. Those of OpenAI's files are known by the file's digest. Any other file is taken with GPT-2's
pattern, and `guessed` says so.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Sequence
from hashlib import sha256

from msgspec import Struct

from gptcli.config.printable import printable, shortened
from gptcli.errors import InputError
from gptcli.reports.tokens import Token
from gptcli.tokenizer.tokenizer import is_failure, no_such_id, token_with
from gptcli.tokenizer.vocabulary import END_OF_TEXT, NAME, PATTERN

_MOST_ID = 2**31
_BYTES = 256


class Known(Struct, frozen=True):
    """What a program adds to its file: the pattern, and special tokens with their ids."""

    name: str
    pattern: str
    special: dict[str, int]


# tiktoken_ext/openai_public.py of tiktoken 0.14: digests, patterns and special tokens of OpenAI's files.
_CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
    r"|\s+(?!\S)|\s"
)
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SHORT_FORMS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_SHORT_FORMS}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_SHORT_FORMS}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
_FILL_IN = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
_END_OF_PROMPT = "<|endofprompt|>"
KNOWN = {
    "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930": Known(NAME, PATTERN, {END_OF_TEXT: 50256}),
    "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069": Known(
        "p50k_base", PATTERN, {END_OF_TEXT: 50256}
    ),
    "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7": Known(
        "cl100k_base",
        _CL100K,
        {END_OF_TEXT: 100257, **dict(zip(_FILL_IN, range(100258, 100261), strict=True)), _END_OF_PROMPT: 100276},
    ),
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d": Known(
        "o200k_base", _O200K, {END_OF_TEXT: 199999, _END_OF_PROMPT: 200018}
    ),
}


class RanksFile:
    """A tokenizer of the ``tiktoken`` package, made of a file of ranks.

    Args:
        data: the file.
        path: where it is, for messages.

    Attributes:
        guessed: whether the pattern is a guess.

    Raises:
        InputError: it is no such file.
    """

    def __init__(self, data: bytes, path: str) -> None:
        import tiktoken

        self.name = printable(path)
        ranks = _ranks(data, self.name)
        known = KNOWN.get(sha256(data).hexdigest())
        self.guessed = known is None
        self._known = known or Known(self.name, PATTERN, {})
        self._encoding = tiktoken.Encoding(
            self.name, pat_str=self._known.pattern, mergeable_ranks=ranks, special_tokens=self._known.special
        )
        self.entries = max(ranks.values()) + 1
        self._bytes = {rank: token for token, rank in ranks.items()}
        self._bytes |= {token_id: text.encode() for text, token_id in self._known.special.items()}
        self.size = max(self._bytes) + 1

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """As of every tokenizer; nothing is put around a text."""
        try:
            if allow_special:
                return self._encoding.encode(text, allowed_special="all")
            return self._encoding.encode_ordinary(text)
        except BaseException as error:  # of the pattern's engine, on a million spaces
            if not is_failure(error):
                raise
            raise InputError(f"{self.name}: cannot read {shortened(repr(text))}: {printable(str(error))}") from None

    def special_in(self, text: str) -> Token | None:
        """As of every tokenizer."""
        found = min((each for each in self._known.special if each in text), key=text.find, default=None)
        return None if found is None else self.token_of(self._known.special[found])

    def token_of(self, token_id: int) -> Token:
        """As of every tokenizer."""
        return token_with(token_id, self._bytes.get(token_id))

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """As of every tokenizer."""
        for position, token_id in enumerate(ids):
            if token_id not in self._bytes:
                raise InputError(no_such_id(token_id, position, self.name, self.size))
        return b"".join(self._bytes[token_id] for token_id in ids)

    def bytes_after(self, previous: int | None, token_id: int) -> bytes:
        """As of every tokenizer; a token spells the same wherever it stands."""
        return self._bytes.get(token_id, b"")


def _ranks(data: bytes, name: str) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    taken: set[int] = set()
    for number, line in enumerate(data.splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 2 or not fields[1].isdigit() or int(fields[1][:11]) >= _MOST_ID:
            raise InputError(f"{name}:{number}: is not base64 and a rank, as each line of a .tiktoken file is")
        try:
            token, rank = a2b_base64(fields[0], strict_mode=True), int(fields[1])
        except Base64Error as error:
            raise InputError(f"{name}:{number}: is not base64: {error}") from None
        if token in ranks or rank in taken or not token:
            raise InputError(f"{name}:{number}: its token or its rank stands there twice, or is empty")
        ranks[token] = rank
        taken.add(rank)
    missing = [byte for byte in range(_BYTES) if bytes([byte]) not in ranks]
    if missing:
        raise InputError(f"{name}: has no token for byte 0x{missing[0]:02X}, so it cannot read every text")
    return ranks
