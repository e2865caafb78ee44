"""Numbers that are names of published models and not their counts."""

from msgspec import Struct


class PublishedName(Struct, frozen=True):
    """A number by which a model is known.

    Attributes:
        number: as it is written: 117M is 117,000,000.
        preset: the preset of that model, or of one that has its size.
        words: whose name it is, and of what.
        source: where it is published.
        changed: sizes that differ from the preset's in what the number is about.
        changed_words: those sizes in words.
        miscounted: whether the preset is what was meant and the changed sizes only explain its name.
    """

    number: int
    preset: str
    words: str
    source: str
    changed: dict[str, int]
    changed_words: str
    miscounted: bool


def _first_name(number: int, preset: str, size: str) -> PublishedName:
    """Return a name that OpenAI's README of GPT-2 calls an error.

    All of them are the counts of GPT-2 with the vocabulary of the first GPT (Radford et al. 2018).
    """
    return PublishedName(
        number,
        preset,
        f"OpenAI's first name of {size}, a miscount",
        "Radford et al. 2019, table 2, and older names of files",
        {"vocab_size": 40_478},
        "the first GPT's vocabulary of 40,478",
        miscounted=True,
    )


def _gpt_3(number: int, preset: str, size: str) -> PublishedName:
    source = "Brown et al. 2020, table 2.1"
    return PublishedName(
        number, preset, f"GPT-3 {size}", source, {"context_length": 2048}, "2,048 positions", miscounted=False
    )


PUBLISHED: tuple[PublishedName, ...] = (
    _first_name(117_000_000, "gpt2", "GPT-2 small"),
    _first_name(345_000_000, "gpt2-medium", "GPT-2 medium"),
    _first_name(762_000_000, "gpt2-large", "GPT-2 large"),
    _first_name(1_542_000_000, "gpt2-xl", "GPT-2 XL"),
    _first_name(1_500_000_000, "gpt2-xl", "GPT-2 XL"),  # the abstract's, which rounds the one before
    _gpt_3(125_000_000, "gpt2", "Small"),
    _gpt_3(350_000_000, "gpt2-medium", "Medium"),
)
