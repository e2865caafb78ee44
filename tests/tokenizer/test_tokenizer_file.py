"""A tokenizer.json: ids as transformers reads it, bytes that are the text, and nothing shown that changes later."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders

from gptcli.errors import InputError
from gptcli.tokenizer import TextStream, open_tokenizer
from gptcli.tokenizer.tokenizer import Tokenizer as Ours
from tests.tokenizer.trained import KINDS, LOSSLESS, SPACE, saved

TEXTS = [
    "Every effort moves you",
    "",
    " ",
    "  two  spaces ",
    "naïve façade 🤷🏽‍♀️ 你好 \u200b\u0301",
    "def f(x):\n    return x\n\n\tpass",
    "1234567 it's WE'LL",
    "a\u2581b",
    "<0x41> <tool call>é",
]


class Pair:
    """Ours and the package's own, of one file."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.path = saved(kind, folder)
        self.theirs = Tokenizer.from_file(str(self.path))
        self.ours: Ours = open_tokenizer(str(self.path))


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.parity
@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_those_of_transformers(pair: Pair, text: str) -> None:
    from transformers import PreTrainedTokenizerFast

    theirs = PreTrainedTokenizerFast(tokenizer_file=str(pair.path))
    assert pair.ours.encode(text) == theirs(text)["input_ids"]
    special = f"{text}<s></s><|im_start|>{text}"
    assert pair.ours.encode(special, allow_special=True) == theirs(special)["input_ids"]


@pytest.mark.parametrize("text", TEXTS)
def test_bytes_are_the_text_of_the_package(pair: Pair, text: str) -> None:
    ids = pair.theirs.encode(text, add_special_tokens=False).ids
    assert pair.ours.decode_bytes(ids).decode() == pair.theirs.decode(ids, skip_special_tokens=False)
    if pair.kind in LOSSLESS and SPACE not in text and not (pair.kind == "metaspace" and text.startswith(" ")):
        assert pair.ours.decode_bytes(ids).decode() == text


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40))
def test_any_text(pair: Pair, text: str) -> None:
    ids = pair.theirs.encode(text).ids
    pair.theirs.encode_special_tokens = True
    plain = pair.theirs.encode(text).ids
    pair.theirs.encode_special_tokens = False
    assert pair.ours.encode(text) == plain
    assert pair.ours.encode(text, allow_special=True) == ids
    assert pair.ours.decode_bytes(plain).decode() == pair.theirs.decode(plain, skip_special_tokens=False)


@pytest.mark.parametrize("kind", ["byte_level", "llama", "metaspace", "gemma", "unigram", "gpt_1", "words"])
@pytest.mark.parametrize("text", [text for text in TEXTS if text.strip()])
def test_a_stream_adds_up_to_the_text_after_its_prompt(kind: str, text: str, tmp_path: Path) -> None:
    tokenizer = open_tokenizer(str(saved(kind, tmp_path)))
    ids = tokenizer.encode(text)
    whole = tokenizer.decode_bytes(ids).decode()
    tried = 0
    for start in range(1, len(ids)):
        try:
            prompt = tokenizer.decode_bytes(ids[:start]).decode()
        except UnicodeDecodeError:
            continue  # no text ends so
        tried += 1
        shown: list[str] = []
        stream = TextStream([], shown.append, tokenizer, previous=ids[start - 1])
        for token_id in ids[start:]:
            stream.add(token_id)
            assert whole.startswith(prompt + "".join(shown))
        stream.end()
        assert "".join(shown) == stream.text
        assert prompt + stream.text == whole
    assert tried


def test_half_a_character_of_byte_tokens_is_held_back(tmp_path: Path) -> None:
    tokenizer = open_tokenizer(str(saved("llama", tmp_path)))
    ids = tokenizer.encode("x \U0001f9ff")
    assert [tokenizer.token_of(i).bytes for i in ids[-4:]] == ["f0", "9f", "a7", "bf"]
    stream, told = TextStream([], None, tokenizer, previous=ids[-5]), []
    for token_id in ids[-4:]:
        stream.add(token_id)
        told.append(stream.text)
    assert told == ["", "", "", "\U0001f9ff"]


def test_a_token_is_the_same_wherever_it_stands(tmp_path: Path) -> None:
    tokenizer = open_tokenizer(str(saved("llama", tmp_path)))
    ids = tokenizer.encode("you you")
    assert ids[0] == 1
    assert ids[1] == ids[2]
    assert tokenizer.token_of(ids[1]).text == " you"
    assert tokenizer.decode_bytes(ids[1:]) == b"you you"
    assert tokenizer.decode_bytes(ids) == b"<s> you you"


@pytest.mark.parametrize(
    ("kind", "special"),
    [("byte_level", "<|im_start|>"), ("llama_3", "<|end_of_text|>"), *((kind, "</s>") for kind in LOSSLESS[2:])],
)
def test_special_tokens_are_text_unless_allowed(kind: str, special: str, tmp_path: Path) -> None:
    pair = Pair(kind, tmp_path)
    token_id = pair.theirs.token_to_id(special)
    assert token_id not in pair.ours.encode(f"a{special}")
    assert token_id in pair.ours.encode(f"a{special}", allow_special=True)
    found = pair.ours.special_in(f"a{special}")
    assert found is not None
    assert (found.id, found.text) == (token_id, special)
    assert pair.ours.special_in("a") is None


def test_special_tokens_that_no_option_keeps_out_are_not_said_to_be_text(tmp_path: Path) -> None:
    pair = Pair("unigram", tmp_path)
    assert pair.theirs.token_to_id("</s>") in pair.ours.encode("a</s>")
    assert pair.ours.special_in("a</s>") is None


def test_added_tokens_spell_what_they_match(tmp_path: Path) -> None:
    theirs = KINDS["byte_level"]()
    theirs.add_tokens(["é", "a b"])
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = open_tokenizer(str(tmp_path))
    ids = ours.encode("caféa b")
    assert theirs.token_to_id("é") in ids
    assert ours.decode_bytes(ids).decode() == "caféa b"


def test_truncation_and_padding_of_the_file_are_left_out(tmp_path: Path) -> None:
    theirs = KINDS["llama"]()
    expected = theirs.encode("Every effort moves you").ids
    theirs.enable_truncation(3)
    theirs.enable_padding(length=50)
    theirs.save(str(tmp_path / "tokenizer.json"))
    assert open_tokenizer(str(tmp_path)).encode("Every effort moves you") == expected


@pytest.mark.parametrize("bad", [-1, 10**6, 2**40])
def test_ids_that_are_not_there(pair: Pair, bad: int) -> None:
    assert (pair.ours.token_of(bad).text, pair.ours.token_of(bad).bytes) == (None, "")
    assert pair.ours.bytes_after(0, bad) == b""
    with pytest.raises(InputError, match=rf"id {bad} at position 1: .* has the ids 0 to {pair.ours.size - 1}"):
        pair.ours.decode_bytes([0, bad])


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "no JSON": (b'{"model": ', "is not a tokenizer.json that can be used: EOF"),
    "another JSON": (b'{"model_type": "llama"}', "is not a tokenizer.json that can be used: "),
    "a list": (b"[1, 2]", "is not a tokenizer.json that can be used: "),
    "nested": (b'{"a":' * 100_000, "is not a tokenizer.json that can be used: "),
    "bytes": (b'{"model": "\xff"}', "byte 0xFF at offset 11 is not UTF-8"),
    "something else": (b"\x0a\x0e\x0a\x05<unk>", "is neither a tokenizer.json nor a .tiktoken file"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_said(case: str, tmp_path: Path) -> None:
    data, told = BROKEN[case]
    path = tmp_path / "tokenizer.json"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        open_tokenizer(str(path))
    assert str(caught.value).startswith(f"{path}: {told}")


def _changed(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    state = json.loads(path.read_text())
    change(state)
    path.write_text(json.dumps(state))


def test_a_decoder_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    path = saved("llama", tmp_path)
    _changed(path, lambda state: state.update(decoder=json.loads(decoders.CTC().__getstate__())))
    with pytest.raises(InputError, match="its decoder CTC is not that of a language model"):
        open_tokenizer(str(path))


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = saved("llama", tmp_path)
    expected = open_tokenizer(str(path)).encode("you")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert open_tokenizer(str(path)).encode("you") == expected


def test_paths_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {
        str(tmp_path): "is a directory without tokenizer.json; name another",
        str(tmp_path / "no"): "cannot be read: No such file or directory",
        "": "--tokenizer '' names no file",
        "-": "--tokenizer '-' names no file",
        "a\0b": "cannot be read: embedded null",
    }
    for source, told in cases.items():
        with pytest.raises(InputError) as caught:
            open_tokenizer(source)
        assert told in str(caught.value)
    (tmp_path / "tokenizer.model").write_bytes(b"\n\x0e\n\x05<unk>")
    for path in (tmp_path, tmp_path / "tokenizer.model"):
        with pytest.raises(InputError, match=r"save_pretrained makes a tokenizer\.json of it"):
            open_tokenizer(str(path))
    monkeypatch.setattr("gptcli.tokenizer.opening.MAX_BYTES", 100)
    with pytest.raises(InputError, match="has more than 0 MiB, which no tokenizer has"):
        open_tokenizer(str(saved("llama", tmp_path)))
