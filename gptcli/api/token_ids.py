"""Token ids as they are typed."""

from gptcli.config.printable import shortened
from gptcli.errors import InputError
from gptcli.tokenizer import NAME, SIZE


def parse_ids(text: str) -> list[int]:
    """Read ids: ``6109 3626``, ``6109, 3626``, ``[6109, 3626]``.

    Raises:
        InputError: a word is no whole number, or one that is too long to be an id; whether there is such an id shows
            when it is decoded.
    """
    words = text.replace(",", " ").replace("[", " ").replace("]", " ").split()
    for word in words:
        if not (word.isascii() and word.isdecimal()):
            raise InputError(f"'{shortened(word)}' is not a token id; give whole numbers, e.g. --decode 6109 3626")
        if len(word.lstrip("0")) > len(str(SIZE)):  # which Python may refuse to read
            raise InputError(f"id {shortened(word)}: {NAME} has the ids 0 to {SIZE - 1}")
    return [int(word) for word in words]
