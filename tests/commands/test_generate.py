"""``gptcli generate`` from the outside: what is printed where, in pipes, on terminals, under interrupts."""

import signal
import subprocess

import pytest

from tests.conftest import Cli, gptcli_process, started
from tests.terminal import on_a_terminal

TINY = ("-c", "tiny", "--device", "cpu")
EFFORT = "Every effort moves you"


def test_the_document_has_what_was_promised(cli: Cli) -> None:
    document = cli("generate", EFFORT, "Hi", *TINY, "-n", "5", "--json").json
    assert (document["schema_version"], document["command"]) == (2, "generate")
    first, second = document["texts"]
    assert (first["prompt"], first["prompt_ids"]) == (EFFORT, [6109, 3626, 6100, 345])
    assert len(first["ids"]) == len(second["ids"]) == 5
    assert cli("tokenize", "--decode", " ".join(map(str, first["ids"]))).out == first["text"]
    assert first["finish_reason"] == "length"
    assert document["tokens_per_second"] > 0
    spent = document["prefill_seconds"] + document["decode_seconds"]
    assert document["tokens_per_second"] == pytest.approx(10 / spent)
    assert 0 < document["time_to_first_token_seconds"] <= document["prefill_seconds"]
    assert document["kv_cache_bytes"] == 2 * 3 * 9 * 64 * 4  # the longer prompt's: 2 L B T C numbers of 4 bytes
    facts = ("parameters", "device", "dtype", "seed", "temperature", "top_k", "top_p", "max_new_tokens", "stop")
    assert [document[key] for key in facts] == [6_598_784, "cpu", "fp32", 123, 0.0, None, None, 5, []]


def test_a_pipe_gets_the_text_and_nothing_else(cli: Cli) -> None:
    text = cli("generate", EFFORT, *TINY, "--json").json["texts"][0]["text"]
    outcome = cli("generate", EFFORT, *TINY)
    assert outcome.out == f"{EFFORT}{text}\n"
    assert "tokens/s, the first after" in outcome.err
    assert "Weights are random (seed 123)" in outcome.err
    assert all(line == line.rstrip() for line in outcome.err.splitlines())


def test_several_texts_stand_under_their_numbers(cli: Cli) -> None:
    texts = cli("generate", EFFORT, "Hi", *TINY, "-n", "3", "--json").json["texts"]
    outcome = cli("generate", EFFORT, "Hi", *TINY, "-n", "3")
    assert outcome.out == f"Text 1\n{EFFORT}{texts[0]['text']}\n\nText 2\nHi{texts[1]['text']}\n"
    assert "6 tokens in 2 texts" in outcome.err


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
def test_without_a_cache_the_same_is_said(cli: Cli, attention: str) -> None:
    options = ("generate", EFFORT, "Hi", *TINY, "--set", "context_length=8", "--attention", attention, "--json")
    one, other = cli(*options).json, cli(*options, "--no-cache").json
    assert one["texts"] == other["texts"]
    assert (one["kv_cache_bytes"] > 0, other["kv_cache_bytes"]) == (True, None)


def test_a_single_text_is_told_piece_by_piece(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []
    monkeypatch.setattr("gptcli.commands._streaming.print_piece", lambda piece, **_: pieces.append(piece))
    cli("generate", EFFORT, *TINY, "-n", "6")
    assert pieces[0] == EFFORT
    assert len(pieces) == 1 + 6 + 1
    assert pieces[-1] == "\n"
    pieces.clear()
    assert cli("generate", EFFORT, *TINY, "-n", "6", "--json").code == 0
    assert pieces == []


def test_a_stop_ends_the_text_before_it(cli: Cli) -> None:
    whole = cli("generate", EFFORT, *TINY, "--json").json["texts"][0]
    middle = whole["text"][10:14]
    text = cli("generate", EFFORT, *TINY, "--stop", "§", "--stop", middle, "--json").json["texts"][0]
    assert text["text"] == whole["text"][: whole["text"].index(middle)]
    assert text["finish_reason"] == "stop"
    assert text["ids"] == whole["ids"][: len(text["ids"])] != whole["ids"]
    assert "a stop text came" in cli("generate", EFFORT, *TINY, "--stop", middle).err


def test_to_limit_the_choice_is_to_draw(cli: Cli) -> None:
    options = ("generate", EFFORT, *TINY, "-n", "8", "--json")
    greedy, drawn = cli(*options).json, cli(*options, "--top-k", "50").json
    assert (greedy["temperature"], drawn["temperature"], drawn["top_k"]) == (0, 1, 50)
    assert greedy["texts"] != drawn["texts"]
    assert drawn["texts"] == cli(*options, "--top-k", "50", "--temperature", "1").json["texts"]
    assert greedy["texts"] == cli(*options, "--top-k", "50", "--temperature", "0").json["texts"]
    assert greedy["texts"] == cli(*options, "--top-k", "1").json["texts"]
    assert "drawn, temperature 0.5, top-p 0.9, seed 123" in (
        cli("generate", "x", *TINY, "-n", "1", "--temperature", ".5", "--top-p", ".9").err
    )


def test_a_prompt_over_the_context_is_cropped_and_that_is_said(cli: Cli) -> None:
    sizes = (*TINY, "--set", "context_length=4", "--json")
    long = cli("generate", "a b c d e f", *sizes)
    assert long.err == ("note: text 1 has 6 tokens, over the context length 4 of tiny; the network sees the last 4\n")
    assert long.json["texts"][0]["ids"] == cli("generate", " c d e f", *sizes).json["texts"][0]["ids"]
    assert len(long.json["texts"][0]["prompt_ids"]) == 6


def test_without_a_table_of_positions_texts_go_past_the_context_and_that_is_said(cli: Cli) -> None:
    rotary = (*TINY, "--set", "positions=rotary", "--set", "context_length=4", "--json")
    said = "over the context length 4 of tiny; the network reads them all, which it may not have learned"
    outcome = cli("generate", "a b c", *rotary, "-n", "5")
    assert outcome.err == f"note: text 1 grows to 8 tokens, {said}\n"
    wider = (*rotary[:-3], "--set", "context_length=99", "--json")
    assert outcome.json["texts"][0]["ids"] == cli("generate", "a b c", *wider, "-n", "5").json["texts"][0]["ids"]
    assert cli("generate", "a b c", *rotary, "-n", "1").err == ""
    assert cli("forward", "a b c d e f", *rotary).err == f"note: text 1 has 6 tokens, {said}\n"
    assert cli("forward", "--token-ids", "1,2,3,4,5", *rotary).err.startswith("note: --token-ids 1 has 5 tokens, over")


def test_ids_that_spell_nothing_are_counted(cli: Cli) -> None:
    sizes = (*TINY, "--set", "vocab_size=300000", "--tokenizer", "gpt2", "-n", "12")
    text = cli("generate", "Hi", *sizes, "--json").json["texts"][0]
    outside = [token_id for token_id in text["ids"] if token_id >= 50257]
    assert outside
    outcome = cli("generate", "Hi", *sizes)
    assert outcome.out == f"Hi{text['text']}\n"
    assert f"12 tokens, the number asked for; {len(outside)} spell nothing, no such token" in outcome.err


def test_control_characters_do_not_control_the_terminal() -> None:
    prompt = "a\x1b[31m\n\u202eb\x07"
    shown = on_a_terminal("generate", prompt, *TINY, "-n", "2", "--no-color", stderr=subprocess.DEVNULL)
    assert shown.startswith("a\\x1b[31m\n\\u202eb\\x07")
    assert "\x1b" not in shown
    piped = gptcli_process("generate", prompt, *TINY, "-n", "2")
    assert piped.stdout.startswith(prompt)


def test_the_prompt_stands_out_on_a_terminal() -> None:
    shown = on_a_terminal("generate", EFFORT, *TINY, "-n", "2", stderr=subprocess.DEVNULL)
    assert shown.startswith(f"\x1b[1m{EFFORT}\x1b[0m")


def test_an_interrupt_leaves_what_was_printed_and_ends_with_130() -> None:
    with started("generate", EFFORT, *TINY, "-n", "1000000", "--force") as process:
        assert process.stdout is not None
        seen = process.stdout.read(len(EFFORT) + 40)
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
    assert seen.startswith(EFFORT.encode())
    assert rest.endswith(b"\n")


REFUSED = {
    "no text": ([], 2, "no text given"),
    "empty text": ([""], 2, "text 1 is empty"),
    "outside the vocabulary": (
        ["moves you", "--set", "vocab_size=512", "--tokenizer", "gpt2"],
        2,
        "token 'oves' at position 1 has id 5241",
    ),
    "another vocabulary": (["moves you", "--set", "vocab_size=512"], 2, "of 512, which is not GPT-2's"),
    "negative temperature": (["x", "--temperature", "-1"], 2, "--temperature -1 is not a number from 0 on"),
    "no temperature": (["x", "--temperature", "nan"], 2, "--temperature nan is not"),
    "infinite temperature": (["x", "--temperature", "inf"], 2, "--temperature inf is not"),
    "no top-p": (["x", "--top-p", "0"], 2, "--top-p 0 is not above 0 and at most 1"),
    "large top-p": (["x", "--top-p", "1.5"], 2, "--top-p 1.5 is not above 0"),
    "nan top-p": (["x", "--top-p", "nan"], 2, "--top-p nan is not"),
    "empty stop": (["x", "--stop", ".", "--stop", ""], 2, "--stop 2 is empty and would end every text at once"),
    "surrogate": (["x", "--stop", "\udcff"], 2, "--stop 1: character 1: byte 0xFF is not UTF-8"),
    "too large": (["x", "-c", "gpt3-175b", "--device", "cpu"], 1, "gpt3-175b needs 6"),
    "unknown dtype": (["x", "--dtype", "fp9"], 2, "unknown dtype 'fp9'"),
    "stdin twice": (["-", "-c", "-"], 2, "standard input can be read only once"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_come_before_any_work(cli: Cli, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, code, told = REFUSED[case]

    def built(*_: object) -> None:
        raise AssertionError("the network was built")

    monkeypatch.setattr("gptcli.model.forward.build", built)
    outcome = cli("generate", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith("error: ")
    assert told in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [["--top-k", "0"], ["--max-new-tokens", "0"], ["-n", "1000000000"], ["--top-k", "1.5"], ["--temperature", "hot"]],
)
def test_wrong_usage_ends_in_2(cli: Cli, arguments: list[str]) -> None:
    outcome = cli("generate", "x", *arguments)
    assert (outcome.code, outcome.out) == (2, "")


@pytest.mark.parametrize(
    ("dtype", "way_out"), [("fp16", "use --dtype fp32 or bf16"), ("fp32", "not numbers in fp32: 'gptcli trace'")]
)
def test_overflow_is_told_with_a_way_out(cli: Cli, monkeypatch: pytest.MonkeyPatch, dtype: str, way_out: str) -> None:
    from gptcli.model import forward

    right = forward.build

    def broken(*arguments: object) -> object:
        model = right(*arguments)  # type: ignore[arg-type]
        model.get_parameter("ln_f.weight").data.fill_(float("nan"))
        return model

    monkeypatch.setattr(forward, "build", broken)
    outcome = cli("generate", "x", *TINY, "--json", "--dtype", dtype)
    assert (outcome.code, outcome.out) == (1, "")
    assert way_out in outcome.err


def test_a_broken_budget_of_memory_is_told_and_force_goes_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gptcli.model.device.free_bytes", lambda _device: 1000)
    assert cli("generate", "x", *TINY).code == 1
    assert cli("generate", "x", *TINY, "-n", "1", "--force").code == 0


@pytest.mark.parametrize(
    ("prompt", "options", "text"),
    [
        ("Hello, I am", ["-n", "6"], " Featureiman Byeswickattribute argue"),
        (EFFORT, ["-n", "10", "--set", "context_length=256"], " rentingetic wasnم refres RexMeCHicular stren"),
    ],
)
def test_the_lectures_own_words(cli: Cli, prompt: str, options: list[str], text: str) -> None:
    """What the untrained network of seed 123 says in Raschka 2024, sections 4.7 and 5.1.1."""
    assert cli("generate", prompt, *options, "--device", "cpu").out == f"{prompt}{text}\n"
