"""Token ids as they are typed."""

from gptcli.config import ModelConfig
from gptcli.config.printable import shortened
from gptcli.errors import InputError, InputProblemsError
from gptcli.tokenizer import GPT2, Tokenizer

_EXAMPLE = 'e.g. "1,2,3"'
_MOST_DIGITS = 10  # of any vocabulary; Python may refuse to read longer numbers


def parse_ids(text: str, *, tokenizer: Tokenizer = GPT2) -> list[int]:
    """Read ids that are to be decoded: ``6109 3626``, ``6109, 3626``, ``[6109, 3626]``.

    Args:
        text: the ids.
        tokenizer: whose ids they are.

    Raises:
        InputError: a word is no whole number, or one that is too long to be an id; whether there is such an id shows
            when it is decoded.
    """
    words = _words(text)
    for word in words:
        if not _is_number(word):
            raise InputError(f"'{shortened(word)}' is not a token id; give whole numbers, e.g. --decode 6109 3626")
        if _is_long(word, len(str(tokenizer.size))):
            raise InputError(f"id {shortened(word)}: {tokenizer.name} has the ids 0 to {tokenizer.size - 1}")
    return [int(word) for word in words]


def parse_given_ids(given: str, name: str) -> list[int]:
    """Read the ids that stand in place of a text.

    Args:
        given: the ids.
        name: what to call them in messages: ``--token-ids 1``.

    Raises:
        InputError: there are none, or a word is none.
    """
    words = _words(given)
    if not words:
        raise InputError(f"{name} is empty; give at least one id, {_EXAMPLE}")
    for position, word in enumerate(words):
        if not _is_number(word) or _is_long(word, _MOST_DIGITS):
            what = f"'{shortened(word)}' at position {position} is not a token id"
            raise InputError(f"{name}: {what}; give whole numbers, {_EXAMPLE}")
    return [int(word) for word in words]


def _words(text: str) -> list[str]:
    return text.replace(",", " ").replace("[", " ").replace("]", " ").split()


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal()


def _is_long(word: str, digits: int) -> bool:
    return len(word.lstrip("0")) > digits


def check_ids(batch: list[list[int]], names: list[str], config: ModelConfig) -> None:
    """Refuse ids that a model does not have.

    Raises:
        InputProblemsError: the first such id of each.
    """
    problems = []
    for ids, name in zip(batch, names, strict=True):
        outside = next((position for position, token_id in enumerate(ids) if token_id >= config.vocab_size), None)
        if outside is not None:
            there_are = f"the vocabulary of {config.name}, which has the ids 0 to {config.vocab_size - 1}"
            problems.append(f"{name}: id {ids[outside]} at position {outside} is outside {there_are}")
    if problems:
        raise InputProblemsError(problems)
