"""Texts in pieces: the ids are those of the whole text, wherever the blocks end."""

import io
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gptcli.errors import InputError
from gptcli.tokenizer import encode, encoded_pieces, pieces, text_pieces
from tests.conftest import Cli, gptcli_process

_WORDS = st.sampled_from(
    [
        *(
            "a",
            "Every",
            " effort",
            "'s",
            "'ll",
            "1",
            "23",
            "!",
            "?!",
            "é",
            "ß",
            "日本",
            "🙂",
            "'",
            "\u02bc",
            "Ⅷ",
            "\u0301",
        ),
        *(" ", "  ", "\n", "\r\n", "\t", "\u3000", "\xa0", "\x1c", "\x1f", "<|endoftext|>", "<|endof", "text|>"),
    ]
)
_TEXTS = st.lists(_WORDS, max_size=60).map("".join) | st.text(max_size=60)


def _ids(text: str, *, special: bool) -> list[int]:
    parts = text_pieces(io.BytesIO(text.encode()), "text", allow_special=special)
    return [token_id for ids in encoded_pieces(parts, allow_special=special) for token_id in ids]


@given(_TEXTS, st.integers(1, 12), st.booleans())
@example("a!\x1c!b" * 5, 3, False)
@example("x <|endoftext|> y" * 4, 2, True)
@example("don't won't we'll" * 4, 1, False)
def test_pieces_make_the_same_ids(text: str, block: int, special: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_BLOCK", block)
        assert _ids(text, special=special) == encode(text, allow_special=special)


def test_pieces_are_bounded() -> None:
    text = "Every effort moves you. " * 200_000
    parts = list(text_pieces(io.BytesIO(text.encode()), "text"))
    assert "".join(parts) == text
    assert max(map(len, parts)) <= pieces._BLOCK + 100
    letters = "abcdefgh1" * 500_000
    assert max(map(len, text_pieces(io.BytesIO(letters.encode()), "text"))) <= pieces._BLOCK + 100


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"one\ntwo\nth\xffree", "text:3: byte 0xFF at offset 10 is not UTF-8"),
        (b"\xe6\x97", "text:1: byte 0xE6 at offset 0 is not UTF-8"),
        (b"a\n" * 40 + b"\xc3", "text:41: byte 0xC3 at offset 80 is not UTF-8"),
        (b"a\n" * 40 + b"\xed\xa0\x80 b", "text:41: byte 0xED at offset 80 is not UTF-8"),
    ],
)
@pytest.mark.parametrize("block", [1, 3, 2**20])
def test_bytes_that_are_no_text(monkeypatch: pytest.MonkeyPatch, data: bytes, told: str, block: int) -> None:
    monkeypatch.setattr(pieces, "_BLOCK", block)
    with pytest.raises(InputError, match=told):
        list(text_pieces(io.BytesIO(data), "text"))


def test_count_reads_files_and_pipes(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("count") / "text.txt"
    text = "Every effort\r\nmoves you\n" * 3000
    file.write_bytes(text.encode())
    expected = f"{len(encode(text))}\n"
    assert cli("tokenize", "--count", "-f", str(file)).out == expected
    assert gptcli_process("tokenize", "--count", "-", input=text).stdout == expected
    assert cli("tokenize", "--count", "-f", str(file.parent)).err.endswith("cannot be read: Is a directory\n")
    file.write_bytes(b"fine\n\xff")
    outcome = cli("tokenize", "--count", "-f", str(file))
    assert (outcome.code, outcome.out) == (2, "")
    assert f"{file}:2: byte 0xFF at offset 5 is not UTF-8" in outcome.err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_the_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    import subprocess

    script = (
        "import sys; from gptcli.cli import run; run(sys.argv[1:]); "
        "print(open('/proc/self/status').read(), file=sys.stderr)"
    )
    peaks = []
    for megabytes in (16, 48):
        file = tmp_path_factory.mktemp("size") / "text.txt"
        file.write_bytes(b"Every effort moves you, and so on.\n" * (megabytes * 2**20 // 35))
        arguments = [sys.executable, "-c", script, "tokenize", "--count", "-f", str(file)]
        told = subprocess.run(arguments, capture_output=True, text=True, check=True).stderr
        peaks.append(int(next(line for line in told.splitlines() if line.startswith("VmHWM")).split()[1]))
    assert peaks[1] < 1.1 * peaks[0]
