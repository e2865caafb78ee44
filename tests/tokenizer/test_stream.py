"""Text from tokens as they come: nothing told too early, nothing lost."""

import random

import pytest

from gptcli.tokenizer import TextStream, encode

TEXT = "Every naïve 🤷🏽 effort… moves 你好 you"


def spelled(ids: list[int], stops: list[str]) -> tuple[list[str], TextStream, int]:
    """Return the pieces that were told, the stream, and how many tokens it took."""
    pieces: list[str] = []
    stream = TextStream(stops, pieces.append)
    taken = 0
    for token_id in ids:
        taken += 1
        if stream.add(token_id):
            break
    stream.end()
    return pieces, stream, taken


def test_half_a_character_is_held_back() -> None:
    pieces, stream, _ = spelled(encode(TEXT), [])
    assert "".join(pieces) == stream.text == TEXT
    assert "\ufffd" not in stream.text
    assert len(pieces) > 5
    assert all(pieces)


def test_half_a_character_at_the_end_is_shown_as_such() -> None:
    ids = encode("🤷")[:-1]
    pieces, stream, _ = spelled(ids, [])
    assert pieces == [stream.text]
    assert set(stream.text) == {"\ufffd"}


@pytest.mark.parametrize(
    ("stops", "text"),
    [
        (["effort"], "Every naïve 🤷🏽 "),
        (["t… m"], "Every naïve 🤷🏽 effor"),
        (["moves", "naïve"], "Every "),
        (["Every"], ""),
        (["🏽"], "Every naïve 🤷"),
        (["you!", "effortless"], TEXT),
        (["yo", "you"], "Every naïve 🤷🏽 effort… moves 你好 "),
    ],
)
def test_a_stop_ends_the_text_before_it(stops: list[str], text: str) -> None:
    pieces, stream, taken = spelled(encode(TEXT), stops)
    assert "".join(pieces) == stream.text == text
    assert (taken < len(encode(TEXT))) is (text != TEXT and "you" not in stops)


def test_what_may_become_a_stop_is_not_shown_before_it_is_known() -> None:
    stream = TextStream(["abcd"])
    told = []
    for letter in "xabcabce":
        assert not stream.add(encode(letter)[0])
        told.append(stream.text)
    assert told == ["x", "x", "x", "x", "xabc", "xabc", "xabc", "xabcabce"]


@pytest.mark.parametrize("seed", range(200))
def test_any_text_and_any_stop(seed: int) -> None:
    draw = random.Random(seed)
    text = "".join(draw.choices("ab é", k=draw.randint(1, 30)))
    stops = ["".join(draw.choices("ab é", k=draw.randint(1, 4))) for _ in range(draw.randint(0, 3))]
    ids = [token_id for letter in text for token_id in encode(letter)]
    pieces, stream, taken = spelled(ids, stops)
    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    seen = text[: min(ends)] if ends else text  # the token with which a stop is whole is the last one taken
    cut = min((seen.find(stop) for stop in stops if stop in seen), default=len(text))
    assert "".join(pieces) == stream.text == text[:cut]
    assert taken == len([token_id for letter in seen for token_id in encode(letter)])


def test_ids_outside_the_vocabulary_spell_nothing() -> None:
    pieces, _, _ = spelled([encode("a")[0], 50257, 60000, encode("b")[0]], [])
    assert pieces == ["a", "b"]
