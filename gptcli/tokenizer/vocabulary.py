"""The GPT-2 byte-pair encoding, from the vocabulary that is packaged beside this file.

tiktoken would download it on first use, which is what breaks every offline user of the encoding.
"""

from binascii import a2b_base64
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding

NAME = "r50k_base"
END_OF_TEXT = "<|endoftext|>"
END_OF_TEXT_ID = 50256
SIZE = 50257
VOCABULARY_FILE = Path(__file__).parent / "data" / f"{NAME}.tiktoken"

# Splits text into the pieces that are merged separately: contractions, words, numbers, punctuation, white space.
# Radford et al. 2019 (encoder.py of GPT-2's release), in the equivalent form that tiktoken uses for r50k_base.
PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"


@cache
def encoding() -> "Encoding":
    """Build tiktoken's encoder from the packaged file (one line a token: base64 of its bytes, then its rank)."""
    from tiktoken import Encoding

    fields = VOCABULARY_FILE.read_bytes().split()
    ranks = dict(zip(map(a2b_base64, fields[::2]), map(int, fields[1::2]), strict=True))
    return Encoding(
        NAME,
        pat_str=PATTERN,
        mergeable_ranks=ranks,
        special_tokens={END_OF_TEXT: END_OF_TEXT_ID},
        explicit_n_vocab=SIZE,
    )
