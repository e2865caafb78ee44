"""Ids equal tiktoken's own r50k_base and a plain encoder's; bytes come back."""

import hashlib
import re
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptcli.errors import InputError
from gptcli.tokenizer import NAME, SIZE, VOCABULARY_FILE, check_text, decode_bytes, encode, encoding, token_of
from tests.tokenizer.plain_bpe import encode_plainly, read_ranks

R50K_URL = "https://openaipublic.blob.core.windows.net/encodings/r50k_base.tiktoken"
R50K_SHA256 = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"  # tiktoken_ext/openai_public.py
RANKS = read_ranks(VOCABULARY_FILE)

HARD = [
    "Every effort moves you",
    "",
    " ",
    "\n",
    "It's we'll they've I'm you're he'd don't 's 'S 'LL ' s",
    "Hello,   world!  \n\n\t  tabs\tand\r\nCRLF \u00a0nbsp\u3000wide\u2003em\x85nel",
    "emoji 🤷🏽‍♀️ 👩‍👩‍👧‍👦 🇩🇪 split over tokens 😀😀😀",
    "漢字とひらがなとカタカナ 한국어 العربية עברית हिन्दी ไทย",
    "x" * 500,
    "a b" + " " * 1000 + "c",
    " " * 3000,
    "\n" * 100 + " \n" * 50,
    "1234567890 1 12 123 ١٢٣ Ⅷ ½ ²",
    "def f(x):\n    return x ** 2  # comment\n\n\n\tpass",
    "<|endoftext|> <|endoftext|>x",
    "e\u0301 \u00e9 \ufeff \u200b \u0000 \u001b[31m",
    bytes(range(256)).decode("latin-1"),
    "".join(chr(c) for c in range(0x250)),
    "�\ufffe\U0010ffff",
    "The quick brown fox " * 200,
]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> object:
    """tiktoken's own encoding, built offline from a cache that holds the file it would download."""
    import tiktoken

    cache = tmp_path_factory.mktemp("tiktoken")
    shutil.copy(VOCABULARY_FILE, cache / hashlib.sha1(R50K_URL.encode(), usedforsecurity=False).hexdigest())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
        return tiktoken.get_encoding("r50k_base")


def test_the_packaged_vocabulary_is_openais() -> None:
    assert hashlib.sha256(VOCABULARY_FILE.read_bytes()).hexdigest() == R50K_SHA256
    assert len(RANKS) == SIZE - 1


@pytest.mark.parametrize("text", HARD)
def test_ids_equal_tiktokens(text: str, theirs: object) -> None:
    assert encode(text) == theirs.encode_ordinary(text)  # type: ignore[attr-defined]
    expected = theirs.encode(text, allowed_special="all")  # type: ignore[attr-defined]
    assert encode(text, allow_special=True) == expected


@pytest.mark.parametrize("text", HARD)
def test_ids_equal_a_plain_encoders(text: str) -> None:
    assert encode(text) == encode_plainly(text, RANKS)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_as_a_plain_encoder_and_back(text: str) -> None:
    ids = encode(text)
    assert ids == encode_plainly(text, RANKS)
    assert decode_bytes(ids).decode() == text


SPACES = " \t\n\r\x85\xa0\u2003\u3000"
AROUND_RUNS = st.lists(
    st.one_of(
        st.text(alphabet=SPACES, min_size=5, max_size=12),
        st.text(alphabet="a1!'sé\x1c漢" + SPACES, max_size=6),
        st.just("<|endoftext|>"),
    ),
    max_size=6,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(AROUND_RUNS, st.booleans())
def test_cutting_long_runs_of_whitespace_changes_no_id(text: str, allow_special: bool) -> None:
    whole = encode(text, allow_special=allow_special)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gptcli.tokenizer.codec._LONG_RUN", 3)
        assert encode(text, allow_special=allow_special) == whole
    if not allow_special:
        assert whole == encode_plainly(text, RANKS)


@given(AROUND_RUNS)
def test_the_quick_look_misses_no_long_run(text: str) -> None:
    from gptcli.tokenizer import codec

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "_LONG_RUN", 6)
        longest = max((len(run) for run in re.findall(codec._WHITE_SPACE_RUN, text)), default=0)
        assert codec._may_hold_long_run(text) or longest < 6


@pytest.mark.parametrize("space", [" ", "\n", "\u3000"])
@pytest.mark.parametrize("behind", ["a", "!", "", "<|endoftext|>x"])
def test_a_million_whitespace_characters(space: str, behind: str) -> None:
    text = "a" + space * 1_000_003 + behind
    ids = encode(text, allow_special=True)
    assert decode_bytes(ids).decode() == text
    assert ids[:1] == encode("a")
    assert ids[-3:] == encode("a" + space * 5_001 + behind, allow_special=True)[-3:]


def test_the_whole_vocabulary_round_trips() -> None:
    assert b"".join(bytes.fromhex(token_of(i).bytes or "") for i in range(SIZE)) == decode_bytes(range(SIZE))
    assert all(bytes([byte]) in RANKS for byte in range(256))


def test_end_of_text_is_plain_text_unless_allowed() -> None:
    assert 50256 not in encode("<|endoftext|>")
    assert encode("<|endoftext|>", allow_special=True) == [50256]
    assert encoding().name == NAME


@pytest.mark.parametrize(("text", "told"), [("a\ud800", "U+D800 is half"), ("\udcff", "byte 0xFF is not UTF-8")])
def test_lone_surrogates_are_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match="text 3: character") as caught:
        check_text(text, "text 3")
    assert told in str(caught.value)


@pytest.mark.parametrize("bad", [-1, SIZE])
def test_ids_outside_the_vocabulary_are_refused(bad: int) -> None:
    with pytest.raises(InputError, match=f"id {bad} at position 1"):
        decode_bytes([0, bad])
