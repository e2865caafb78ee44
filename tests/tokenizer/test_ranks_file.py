"""A .tiktoken file: tiktoken's own ids, by the pattern that its program has."""

import base64
import hashlib
from pathlib import Path

import pytest
import tiktoken
import tiktoken_ext.openai_public

from gptcli.errors import InputError
from gptcli.tokenizer import GPT2, VOCABULARY_FILE, encode, open_tokenizer
from gptcli.tokenizer.ranks_file import KNOWN, RanksFile

TEXT = "Every naïve effort's 12345 🤷🏽\n\n  moves\tyou<|endoftext|>"


def lines(ranks: dict[bytes, int]) -> bytes:
    return b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())


def small() -> dict[bytes, int]:
    return {bytes([byte]): byte for byte in range(256)} | {b"ef": 256, b"for": 300, b" m": 301}


def test_gpt2s_own_file_is_gpt2s_encoding(tmp_path: Path) -> None:
    path = tmp_path / "mine.tiktoken"
    path.write_bytes(VOCABULARY_FILE.read_bytes())
    tokenizer = open_tokenizer(str(path))
    assert not tokenizer.guessed
    for allow in (False, True):
        assert tokenizer.encode(TEXT, allow_special=allow) == encode(TEXT, allow_special=allow)
    assert (tokenizer.size, tokenizer.entries) == (50257, 50256)
    assert tokenizer.token_of(50256) == GPT2.token_of(50256)
    assert tokenizer.token_of(50257) == GPT2.token_of(50257)
    special = tokenizer.special_in(TEXT)
    assert special is not None
    assert special.id == 50256


@pytest.mark.parametrize("digest", KNOWN)
def test_what_is_known_of_openais_files_is_what_tiktoken_knows(digest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = KNOWN[digest]
    asked = []

    def load(_url: str, expected_hash: str) -> dict[bytes, int]:
        asked.append(expected_hash)
        return {}

    monkeypatch.setattr(tiktoken_ext.openai_public, "load_tiktoken_bpe", load)
    theirs = tiktoken_ext.openai_public.ENCODING_CONSTRUCTORS[known.name]()
    assert asked == [digest]
    assert (theirs["pat_str"], theirs["special_tokens"]) == (known.pattern, known.special)


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_patterns_cut_as_tiktokens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = lines(small())
    known = next(each for each in KNOWN.values() if each.name == name)
    monkeypatch.setitem(KNOWN, hashlib.sha256(data).hexdigest(), known)
    tokenizer = RanksFile(data, "x.tiktoken")
    theirs = tiktoken.Encoding("x", pat_str=known.pattern, mergeable_ranks=small(), special_tokens=known.special)
    assert tokenizer.encode(TEXT) == theirs.encode_ordinary(TEXT)
    assert tokenizer.encode(TEXT, allow_special=True) == theirs.encode(TEXT, allowed_special="all")


def test_any_other_file_is_cut_by_gpt2s_pattern_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"  # as Llama 3's is called
    path.write_bytes(lines(small()))
    tokenizer = open_tokenizer(str(path))
    assert tokenizer.guessed
    ids = tokenizer.encode("effort moves")
    assert ids == [256, 102, *b"ort", 301, *b"oves"]
    assert tokenizer.decode_bytes(ids) == b"effort moves"
    assert (tokenizer.size, tokenizer.bytes_after(1, 301), tokenizer.bytes_after(1, 299)) == (302, b" m", b"")
    with pytest.raises(InputError, match=r"id 299 at position 0: .* has the ids 0 to 301"):
        tokenizer.decode_bytes([299])


BROKEN = {
    "no rank": (b"YQ== 0\nYg==\n", ":2: is not base64 and a rank"),
    "negative": (b"YQ== -1\n", ":1: is not base64 and a rank"),
    "too long": (b"YQ== " + b"9" * 5000 + b"\n", ":1: is not base64 and a rank"),
    "no base64": (b"Y?== 0\n", ":1: is not base64: "),
    "twice": (b"YQ== 0\nYQ== 1\n", ":2: its token or its rank stands there twice"),
    "one rank": (b"YQ== 0\nYg== 0\n", ":2: its token or its rank stands there twice"),
    "a byte is missing": (lines({k: v for k, v in small().items() if k != b"z"}), ": has no token for byte 0x7A"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_said(case: str, tmp_path: Path) -> None:
    data, told = BROKEN[case]
    path = tmp_path / "x.tiktoken"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        open_tokenizer(str(path))
    assert str(caught.value).startswith(f"{path}{told}")
