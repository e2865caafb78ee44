"""What forward does beyond the happy path: padding, tying, dtypes, refusals."""

import os
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gptcli.architecture import describe
from tests.conftest import Cli

TEXTS = ("Every effort moves you forward", "Hi", "Every day")


def logits_of(cli: Cli, tmp_path: Path, *arguments: str) -> tuple[Any, torch.Tensor]:
    path = tmp_path / "x.safetensors"
    outcome = cli("forward", *arguments, "--save", str(path), "--json")
    assert outcome.code == 0, outcome.err
    return outcome.json, load_file(path)["logits"]


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
def test_padding_changes_no_real_position(cli: Cli, tmp_path: Path, attention: str) -> None:
    options = ("-c", "tiny", "--attention", attention)
    document, together = logits_of(cli, tmp_path, *TEXTS, *options)
    assert document["lengths"] == [5, 1, 2]
    assert document["pad_id"] == 50256
    for row, text in enumerate(TEXTS):
        alone_document, alone = logits_of(cli, tmp_path, text, *options)
        length = alone.shape[1]
        torch.testing.assert_close(together[row, :length], alone[0], rtol=0, atol=1e-5)
        ids = [[c["id"] for c in d["next_tokens"][i]] for d, i in ((document, row), (alone_document, 0))]
        assert ids[0] == ids[1]


def test_padding_is_noted(cli: Cli) -> None:
    out = cli("forward", *TEXTS, "-c", "tiny").out
    assert "+ 4 padding" in out
    assert "Padded on the right with id 50256" in out


def test_the_same_seed_gives_the_same_logits_and_another_others(cli: Cli, tmp_path: Path) -> None:
    one, again, other = (logits_of(cli, tmp_path, "Hi", "-c", "tiny", "--seed", seed)[1] for seed in ("1", "1", "2"))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_a_seed_means_the_same_weights_in_every_dtype(cli: Cli, tmp_path: Path, dtype: str) -> None:
    document, low = logits_of(cli, tmp_path, "Every effort", "-c", "tiny", "--dtype", dtype)
    _, full = logits_of(cli, tmp_path, "Every effort", "-c", "tiny")
    assert document["logits"]["dtype"] == document["dtype"] == dtype
    torch.testing.assert_close(low, full, rtol=0, atol=0.05)


def test_dropout_changes_the_logits(cli: Cli, tmp_path: Path) -> None:
    _, off = logits_of(cli, tmp_path, "Every effort", "-c", "tiny")
    _, on = logits_of(cli, tmp_path, "Every effort", "-c", "tiny", "--dropout")
    assert not torch.allclose(off, on)


def test_a_tied_head_is_the_embedding(cli: Cli) -> None:
    assert cli("forward", "Hi", "-c", "tiny", "--tied", "--json").json["parameters"] == 3_382_336


def test_gpt2_init_has_the_stated_deviations() -> None:
    from gptcli.config import load_config
    from gptcli.model.forward import ForwardOptions, build

    config = load_config("tiny", set_values=["emb_dim=256", "n_layers=8"], environ={}).config
    weights = build(describe(config), ForwardOptions(init="gpt2")).state_dict()
    assert float(weights["wte.weight"].std()) == pytest.approx(0.02, rel=0.01)
    assert float(weights["h.3.mlp.c_fc.weight"].std()) == pytest.approx(0.02, rel=0.01)
    assert float(weights["h.3.mlp.c_proj.weight"].std()) == pytest.approx(0.02 / 4, rel=0.01)
    assert float(weights["h.7.attn.c_proj.weight"].std()) == pytest.approx(0.02 / 4, rel=0.01)
    assert float(weights["h.0.mlp.c_proj.bias"].abs().max()) == 0


@pytest.mark.parametrize("preset", ["gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "gpt3-175b"])
def test_presets_of_openai_are_drawn_as_openai_drew(preset: str) -> None:
    from gptcli.config import load_config

    assert load_config(preset, environ={}).config.init == "gpt2"


def test_random_weights_of_a_tied_network_are_sure_of_nothing(cli: Cli) -> None:
    """Drawn as PyTorch's constructors draw, a tied head gives logits of several hundred and 100 % for one token."""
    small = ("--set", "n_layers=2", "--set", "emb_dim=96", "--set", "context_length=8")
    document = cli("forward", "Every effort moves you", "-c", "gpt2", *small, "--json").json
    assert document["init"] == "gpt2"
    assert max(each["probability"] for each in document["next_tokens"][0]) < 0.001
    assert cli("forward", "x", "-c", "gpt2", *small, "--init", "torch", "--json").json["init"] == "torch"


def test_ids_that_spell_nothing_have_no_text(cli: Cli) -> None:
    document = cli(
        "forward", "Hi", "-c", "tiny", "--set", "vocab_size=60000", "--tokenizer", "gpt2", "--top", "1000", "--json"
    ).json
    outside = [c for c in document["next_tokens"][0] if c["id"] >= 50257]
    assert outside
    assert all(c["text"] is None for c in outside)


def test_a_small_vocabulary_pads_with_zero_and_clamps_top(cli: Cli) -> None:
    sizes = ("-c", "tiny", "--set", "vocab_size=100", "--tokenizer", "gpt2")
    document = cli("forward", "--top", "500", "A:", "#", *sizes, "--json").json
    assert document["pad_id"] == 0
    assert len(document["next_tokens"][0]) == 100


@pytest.mark.parametrize(("vocabulary", "ends"), [(2, (2, 0)), (4, (3, 1)), (6, (3, 3)), (60, (3, 3))])
def test_the_preview_shows_no_column_twice(cli: Cli, tmp_path: Path, vocabulary: int, ends: tuple[int, int]) -> None:
    options = ("-c", "tiny", "--set", f"vocab_size={vocabulary}", "--tokenizer", "gpt2")
    document, logits = logits_of(cli, tmp_path, "!", *options)
    preview = document["logits"]["preview"]
    assert (len(preview["first"][0]), len(preview["last"][0])) == ends
    row = logits[0, 0].tolist()
    assert preview["first"][0] + preview["last"][0] == pytest.approx([*row[: ends[0]], *row[len(row) - ends[1] :]])
    assert ("..." in cli("forward", "!", *options).out.split("Most likely")[0]) is (vocabulary > 6)


def test_what_is_cut_is_said(cli: Cli) -> None:
    out = cli("forward", "a" + " a" * 99, "Hi", "-c", "tiny").out
    assert "... and 36 more; --json prints all + " not in out
    assert "... and 36 more; --json prints all\n" in out
    assert "those of text 1:" in out
    assert "... 92 more positions" in out
    short = cli("forward", "a a a a a a a a a", "-c", "tiny").out
    assert "... 1 more position\n" in short
    assert "of text 1" not in short


def test_a_single_layer_and_head(cli: Cli) -> None:
    assert (
        "1 layer, 1 head, 64 wide" in cli("forward", "x", "-c", "tiny", "--set", "n_layers=1", "--set", "n_heads=1").out
    )


def test_only_masks_that_are_equal_are_claimed(cli: Cli) -> None:
    claim = "the masks of a plain PyTorch network"
    options = ("forward", "x", "-c", "tiny", "--dropout", "--device", "cpu")
    assert claim in cli(*options).out
    assert claim not in cli(*options, "--init", "gpt2").out
    assert claim not in cli(*options, "--dtype", "bf16").out


def test_a_failure_while_saving_names_the_file(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors import SafetensorError

    target = tmp_path / "x.safetensors"
    for error in (OSError(28, "No space left on device"), SafetensorError("No space left on device")):

        def full(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("safetensors.torch.save_file", full)
        outcome = cli("forward", "x", "-c", "tiny", "--save", str(target))
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err == f"error: {target}: cannot be written: No space left on device\n"
        assert list(tmp_path.iterdir()) == []


REFUSED = {
    "empty text": (["", "x"], 2, "text 1 is empty"),
    "too long": (["a b c", "-c", "tiny", "--set", "context_length=2"], 2, "over the context length 2 of tiny"),
    "outside the vocabulary": (
        ["moves you", "--set", "vocab_size=512", "--tokenizer", "gpt2"],
        2,
        "token 'oves' at position 1 has id 5241",
    ),
    "another vocabulary": (["moves you", "--set", "vocab_size=512"], 2, "of 512, which is not GPT-2's"),
    "empty input": (["x", "-f", os.devnull], 2, "/dev/null is empty; a forward pass needs"),
    "no text": ([], 2, "no text given; write it after the command"),
    "no name to save under": (["x", "--save", ""], 2, "no name given for the output file"),
    "a device": (["x", "--save", "/dev/null"], 2, "/dev/null: is a device or a pipe"),
    "unknown dtype": (["x", "--dtype", "fp9"], 2, "unknown dtype 'fp9'"),
    "absent device": (["x", "--device", "cuda"], 1, "no CUDA device here"),
    "too large": (["x", "-c", "gpt3-175b"], 1, "gpt3-175b needs 650."),
    "missing file": (["-f", "/nonexistent/x"], 2, "/nonexistent/x: cannot be read"),
    "stdin twice": (["-", "-c", "-"], 2, "standard input can be read only once"),
    "unwritable": (["x", "--save", "/nonexistent/x.safetensors"], 2, "mkdir -p /nonexistent"),
    "a folder": (["x", "--save", "/tmp"], 2, "/tmp: is a directory"),
    "surrogate": (["x\udcff"], 2, "byte 0xFF is not UTF-8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_place_and_reason_and_leave_stdout_empty(
    cli: Cli, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, code, told = REFUSED[case]
    if case == "absent device":
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    outcome = cli("forward", *arguments, "--json")
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith("error: ")
    assert told in outcome.err


def test_a_failed_run_leaves_the_old_file_and_nothing_beside_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.safetensors"
    target.write_bytes(b"old")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gptcli.model.forward.run_forward", interrupted)
    assert cli("forward", "x", "-c", "tiny", "--save", str(target)).code == 130
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_force_runs_all_the_same(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gptcli.model.device.free_bytes", lambda _device: 1000)
    assert cli("forward", "x", "-c", "tiny").code == 1
    assert cli("forward", "x", "-c", "tiny", "--force").code == 0


def test_loss_leaves_padding_out(cli: Cli) -> None:
    together = cli("forward", *TEXTS[::2], "-c", "tiny", "--loss", "--json").json["losses"]
    assert [len(text["tokens"]) for text in together] == [4, 1]
    for text, found in zip(TEXTS[::2], together, strict=True):
        alone = cli("forward", text, "-c", "tiny", "--loss", "--json").json["losses"][0]
        assert found["mean"] == pytest.approx(alone["mean"], abs=1e-5)
        assert [t["target_id"] for t in found["tokens"]] == [t["target_id"] for t in alone["tokens"]]
        assert found["mean"] == pytest.approx(sum(t["loss"] for t in found["tokens"]) / len(found["tokens"]))
        assert found["perplexity"] == pytest.approx(2.718281828459045 ** found["mean"])
    assert cli("forward", "Hi", "-c", "tiny", "--json").json["loss"] is None


def test_the_loss_of_several_texts_is_the_mean_of_their_tokens(cli: Cli, tmp_path: Path) -> None:
    texts, targets = ("every effort moves", "I"), ("--targets", " effort moves you", "--targets", " really")
    document, logits = logits_of(cli, tmp_path, *texts, "-c", "tiny", *targets)
    wanted = torch.tensor([3626, 6100, 345, 1107])
    expected = float(torch.nn.functional.cross_entropy(torch.cat([logits[0], logits[1, :1]]), wanted))
    assert document["loss"] == pytest.approx(expected, abs=1e-5)  # some units in the last place of an fp32 of 11
    assert document["perplexity"] == pytest.approx(2.718281828459045 ** document["loss"])
    assert document["tokens"] == 4
    means = [text["mean"] for text in document["losses"]]
    assert document["loss"] != pytest.approx(sum(means) / 2, abs=1e-4)  # a token counts the same in every text
    out = cli("forward", *texts, "-c", "tiny", *targets).out
    assert f"Loss of all texts  {document['loss']:.4f}  mean of 4, in nats" in out
    assert "Loss of all" not in cli("forward", texts[0], "-c", "tiny", "--loss").out


@pytest.mark.slow
def test_the_loss_of_the_books_batch(cli: Cli) -> None:
    """Raschka, Build a Large Language Model (From Scratch), section 5.1.2: 10.7940, with context 256 and no dropout."""
    texts = ("every effort moves", "I really like", "--loss", "--set", "context_length=256", "--device", "cpu")
    targets = ("--targets", " effort moves you", "--targets", " really like chocolate")
    document = cli("forward", *texts, *targets, "--json").json
    found = [*(text["mean"] for text in document["losses"]), document["loss"]]
    assert [f"{mean:.3f}" for mean in found] == ["10.417", "11.171", "10.794"]


def test_targets_that_are_the_shifted_text_give_its_loss(cli: Cli, tmp_path: Path) -> None:
    shifted = cli("forward", "every effort moves you", "-c", "tiny", "--loss", "--json").json["losses"][0]
    targets = ("--targets", " effort moves you")
    document, logits = logits_of(cli, tmp_path, "every effort moves", "-c", "tiny", *targets)
    (told,) = document["losses"]
    assert told["mean"] == pytest.approx(shifted["mean"], abs=1e-6)
    assert [t["target_id"] for t in told["tokens"]] == [3626, 6100, 345]
    expected = torch.nn.functional.cross_entropy(logits[0], torch.tensor([3626, 6100, 345]))
    assert told["mean"] == pytest.approx(float(expected), abs=1e-5)


def test_a_single_token_has_a_loss_where_its_target_is_told(cli: Cli) -> None:
    loss = cli("forward", "Hi", "-c", "tiny", "--targets", " there", "--json").json["losses"]
    assert [(t["position"], t["id"], t["target_id"]) for t in loss[0]["tokens"]] == [(0, 17250, 612)]


def test_losses_are_shown_up_to_a_screenful(cli: Cli) -> None:
    out = cli("forward", "a" + " a" * 99, "Hi there", "-c", "tiny", "--loss").out
    assert "Loss of text 1" in out
    assert "mean of 99, in nats" in out
    assert "  ... and 35 more; --json prints all\n" in out
    assert "mean of 1, in nats" in out
    assert "Loss  " in cli("forward", "Hi there", "-c", "tiny", "--loss").out


LOSS_REFUSED = {
    "single token": (["Hi", "--loss"], "text 1 is a single token, so there is no next one to predict; write more"),
    "one for two": (["a b", "c d", "--targets", "x y"], "--targets is given once for 2 texts; give one per text"),
    "two for one": (["a b", "--targets", "x y", "--targets", "z"], "--targets is given 2 times for 1 text"),
    "other length": (["a b c", "--targets", "x"], "--targets 1 has 1 token, text 1 has 3"),
    "no target": (["a", "--targets", ""], "--targets 1 has 0 tokens, text 1 has 1"),
    "outside": (
        ["!", "--targets", "you", "--set", "vocab_size=100", "--tokenizer", "gpt2"],
        "--targets 1: token 'you' at position 0",
    ),
    "surrogate": (["a", "--targets", "\udcff"], "--targets 1: character 1: byte 0xFF is not UTF-8"),
}


@pytest.mark.parametrize("case", LOSS_REFUSED)
def test_losses_that_cannot_be_are_refused(cli: Cli, case: str) -> None:
    arguments, told = LOSS_REFUSED[case]
    outcome = cli("forward", *arguments, "-c", "tiny", "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err


@pytest.mark.parametrize(
    ("text", "target"), [("a b c", "x"), ("it's", " a 'b"), ("-5 x", "-5"), ("\u00fc \u4e00", "y")]
)
def test_the_tokens_of_text_and_target_are_shown_by_what_the_error_says(cli: Cli, text: str, target: str) -> None:
    told = cli("forward", "-c", "tiny", "--targets", target, "--", text).err
    program, command, *words = shlex.split(told.rpartition("see both with: ")[2])
    assert (program, command) == ("gptcli", "tokenize")
    shown = cli(command, "--json", *words).json["texts"]
    assert [each["text"] for each in shown] == [text, target]
    assert cli("forward", "-c", "tiny", "--targets", "-", "a b").err.endswith(
        "its next one\n"
    )  # tokenize - reads stdin
    long = cli("forward", "-c", "tiny", "--targets", "x", "a b " * 40).err
    assert "every token needs its next one\n" in long


def test_threads_are_those_that_run_and_change_nothing_but_rounding(cli: Cli, tmp_path: Path) -> None:
    before, files = torch.get_num_threads(), [tmp_path / f"{number}.safetensors" for number in (1, 3)]
    try:
        for number, file in zip((1, 3), files, strict=True):
            assert cli("forward", "a b c", "-c", "tiny", "--threads", str(number), "--save", str(file)).code == 0
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(before)
    one, three = (load_file(file)["logits"] for file in files)
    torch.testing.assert_close(one, three, rtol=0, atol=1e-5)


@pytest.mark.parametrize("command", ["forward", "trace", "generate"])
@pytest.mark.parametrize("number", ["0", "-1", "2.5", "1025"])
def test_a_number_of_threads_that_cannot_be(cli: Cli, command: str, number: str) -> None:
    outcome = cli(command, "a", "-c", "tiny", "--threads", number)
    assert (outcome.code, outcome.out) == (2, "")
    assert "--threads" in outcome.err
