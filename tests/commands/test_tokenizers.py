"""Models with a tokenizer of their own, ids in place of texts, and tokenizers by path."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from gptcli.tokenizer import VOCABULARY_FILE, encode
from tests.conftest import Cli
from tests.model.planted import plant
from tests.tokenizer.trained import saved

TEXT = "Every effort moves you"
SIZES = {"n_layer": 2, "n_head": 2, "n_embd": 16, "n_positions": 64}
RUNNING = ("forward", "trace", "generate", "flow")


def folder_of(path: Path, vocab_size: int, kind: str | None = None, name: str = "mine") -> Path:
    """Make a model's folder: its config, and its tokenizer if it has one."""
    folder = path / name
    folder.mkdir()
    config = {"model_type": "gpt2", "vocab_size": vocab_size, **SIZES}
    (folder / "config.json").write_text(json.dumps(config))
    if kind is not None:
        saved(kind, folder)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return folder_of(tmp_path, 500, "llama")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return folder_of(tmp_path, 500, name="bare")


def ids_of(folder: Path, text: str) -> list[int]:
    return list(Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids)


def peer() -> Any:
    """Make transformers' model of these sizes."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    sizes: dict[str, Any] = {"vocab_size": 500, "bos_token_id": 1, "eos_token_id": 2, **SIZES}
    return GPT2LMHeadModel(GPT2Config(**sizes)).eval()


class TestOwn:
    """The tokenizer beside a config or weights."""

    @pytest.mark.parametrize("file", ["", "config.json"])
    def test_beside_its_config(self, cli: Cli, own: Path, file: str) -> None:
        document = cli("forward", TEXT, "-c", str(own / file), "--json").json
        assert document["input_ids"] == [ids_of(own, TEXT)]
        assert document["input_ids"][0][0] == 1
        theirs = Tokenizer.from_file(str(own / "tokenizer.json"))
        for candidate in document["next_tokens"][0]:
            token = theirs.id_to_token(candidate["id"])
            if token is not None and not token.startswith("<0x"):
                assert candidate["text"] == token.replace("\u2581", " ")

    @pytest.mark.parametrize("command", RUNNING)
    def test_every_command_reads_texts_with_it(self, cli: Cli, own: Path, command: str) -> None:
        document = cli(command, TEXT, "-c", str(own), "--json").json
        found = {
            "forward": lambda: document["input_ids"][0],
            "trace": lambda: [token["id"] for token in document["text_tokens"][0]],
            "flow": lambda: [token["id"] for token in document["text_tokens"][0]],
            "generate": lambda: document["texts"][0]["prompt_ids"],
        }[command]()
        assert found == ids_of(own, TEXT)

    def test_beside_its_weights(self, cli: Cli, own: Path) -> None:
        peer().save_pretrained(own)
        for weights in (own, own / "model.safetensors"):
            document = cli("forward", TEXT, "--weights", str(weights), "--json").json
            assert document["input_ids"] == [ids_of(own, TEXT)]

    def test_beside_the_config_of_a_model_of_the_hub(
        self, cli: Cli, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
        snapshot = tmp_path / "models--me--mine" / "snapshots" / "abc"
        snapshot.parent.mkdir(parents=True)
        own.rename(snapshot)
        document = cli("forward", TEXT, "-c", "me/mine", "--json").json
        assert document["input_ids"] == [ids_of(snapshot, TEXT)]

    def test_shorter_texts_are_padded_with_an_id_that_is_there(self, cli: Cli, own: Path) -> None:
        document = cli("forward", TEXT, "Hi", "-c", str(own), "--json").json
        assert document["pad_id"] == 0
        assert document["input_ids"][1][len(ids_of(own, "Hi")) :] == [0] * (
            len(ids_of(own, TEXT)) - len(ids_of(own, "Hi"))
        )

    def test_generated_text_goes_on_after_the_prompt(self, cli: Cli, own: Path) -> None:
        command = ("generate", TEXT, "-c", str(own), "-n", "12", "--temperature", "2")
        text = cli(*command, "--json").json["texts"][0]
        theirs = Tokenizer.from_file(str(own / "tokenizer.json"))
        whole = theirs.decode(text["prompt_ids"][1:] + text["ids"], skip_special_tokens=False)
        if "\ufffd" not in whole:  # of bytes that are no text the package shows more of these signs
            assert f"{TEXT}{text['text']}" == whole
        assert text["prompt"] == TEXT
        assert cli(*command).out == f"{TEXT}{text['text']}\n"

    def test_the_space_of_the_first_generated_token_is_kept(self, cli: Cli, own: Path) -> None:
        words = [word for _ in range(60) for word in ("--token-ids", "1,300")]
        texts = cli("generate", *words, "-c", str(own), "-n", "1", "--temperature", "9", "--json").json["texts"]
        theirs = Tokenizer.from_file(str(own / "tokenizer.json"))
        spaced = [text for text in texts if (theirs.id_to_token(text["ids"][0]) or "").startswith("\u2581")]
        assert spaced
        assert all(text["text"].startswith(" ") for text in spaced)

    def test_tokenizer_that_is_asked_for_comes_first(self, cli: Cli, own: Path, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.mkdir()
        path = saved("byte_level", other)
        for asked in (other, path):
            document = cli("forward", TEXT, "-c", str(own), "--tokenizer", str(asked), "--json").json
            assert document["input_ids"] == [ids_of(other, TEXT)]
        document = cli(
            "forward", "Hi", "-c", str(own), "--tokenizer", "gpt2", "--set", "vocab_size=60000", "--json"
        ).json
        assert document["input_ids"] == [encode("Hi")]

    def test_another_models_tokenizer_is_refused(self, cli: Cli, own: Path) -> None:
        outcome = cli("forward", TEXT, "-c", str(own), "--set", "vocab_size=100")
        assert (outcome.code, outcome.out) == (2, "")
        told = "more than the vocabulary of 100 of mine, so it is another model's; name a tokenizer.json"
        assert told in outcome.err
        assert "--token-ids" in outcome.err
        document = cli("forward", "--token-ids", "1,99", "-c", str(own), "--set", "vocab_size=100", "--json")
        assert document.json["input_ids"] == [[1, 99]]
        assert "ids are shown as they are" in document.err

    def test_an_added_token_that_the_model_has_no_row_for_is_refused_where_it_is_used(
        self, cli: Cli, tmp_path: Path
    ) -> None:
        folder = folder_of(tmp_path, 420, "byte_level")
        theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
        entries = theirs.get_vocab_size(with_added_tokens=False)
        options = ("-c", str(folder), "--set", f"vocab_size={entries}")
        assert cli("forward", TEXT, *options).code == 0
        outcome = cli("forward", f"{TEXT}<|im_start|>", *options, "--allow-special")
        assert outcome.code == 2
        assert (
            f"has id {theirs.token_to_id('<|im_start|>')}, outside the vocabulary of {entries} of mine" in outcome.err
        )
        way_out = outcome.err.split("use --set ")[1].strip()
        assert cli("forward", f"{TEXT}<|im_start|>", *options, "--set", way_out, "--allow-special").code == 0

    @pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"model_type": "llama"}'])
    def test_a_broken_file_is_an_error_and_ids_still_run(self, cli: Cli, own: Path, data: bytes) -> None:
        path = own / "tokenizer.json"
        path.write_bytes(data)
        outcome = cli("forward", TEXT, "-c", str(own))
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith(f"error: {path}: ")
        assert outcome.err.count("\n") == 1
        ids = cli("generate", "--token-ids", "1,2", "-c", str(own), "-n", "3")
        assert ids.code == 0
        assert ids.out.startswith("1 2 ")

    def test_an_output_never_replaces_it(self, cli: Cli, own: Path) -> None:
        target = own / "x.safetensors"
        (own / "tokenizer.json").rename(target)
        (own / "tokenizer.json").symlink_to(target)
        before = target.read_bytes()
        outcome = cli("forward", TEXT, "-c", str(own), "--save", str(target))
        assert outcome.code == 2
        assert "read by this command, which would replace it" in outcome.err
        assert target.read_bytes() == before


class TestNone:
    """Models whose texts nothing can read."""

    @pytest.mark.parametrize("command", RUNNING)
    def test_texts_are_refused_and_every_way_out_works(
        self, cli: Cli, bare: Path, tmp_path: Path, command: str
    ) -> None:
        outcome = cli(command, TEXT, "-c", str(bare))
        assert (outcome.code, outcome.out) == (2, "")
        told = f"bare has a vocabulary of 500, which is not GPT-2's and no tokenizer.json lies in {bare}"
        assert outcome.err.startswith(f"error: {told}")
        assert '--token-ids "1,2,3"' in outcome.err
        assert "--tokenizer PATH" in outcome.err
        assert cli(command, "--token-ids", "1,2,3", "-c", str(bare)).code == 0
        assert cli(command, TEXT, "--tokenizer", str(saved("llama", tmp_path)), "-c", str(bare)).code == 0

    def test_a_padded_vocabulary_is_gpt2s(self, cli: Cli) -> None:
        for vocabulary in (50257, 50304, 50368):
            options = ("-c", "tiny", "--set", f"vocab_size={vocabulary}", "--json")
            assert cli("forward", TEXT, *options).json["input_ids"] == [encode(TEXT)]
        for vocabulary in (50256, 50272, 50305, 50432, 51200):
            assert cli("forward", TEXT, "-c", "tiny", "--set", f"vocab_size={vocabulary}").code == 2

    def test_a_padded_vocabulary_without_learned_positions_is_another(self) -> None:
        from msgspec.structs import replace

        from gptcli.api.configs import described
        from gptcli.api.tokenizers import has_gpt2_vocabulary

        network = described("tiny", ["vocab_size=50304"])
        assert has_gpt2_vocabulary(network)
        without = replace(network, parts=tuple((name, node) for name, node in network.parts if name != "wpe"))
        assert not has_gpt2_vocabulary(without)


REFUSED = {
    ("1,a",): "--token-ids 1: 'a' at position 1 is not a token id; give whole numbers, e.g. \"1,2,3\"",
    ("1", "-3"): "--token-ids 2: '-3' at position 0 is not a token id",
    ("1.5",): "--token-ids 1: '1.5' at position 0 is not",
    ("",): "--token-ids 1 is empty; give at least one id",
    (" , []",): "--token-ids 1 is empty",
    ("50257",): "id 50257 at position 0 is outside the vocabulary of tiny, which has the ids 0 to 50256",
    ("9" * 5000,): "is not a token id",
    ("1 " * 300,): "--token-ids 1 has 300 tokens, over the context length 256 of tiny",
}


class TestIds:
    """Ids in place of texts."""

    @pytest.mark.parametrize("given", ["6109,3626", "6109, 3626", "[6109 3626]", "06109\n3626"])
    def test_ids_run_as_their_text(self, cli: Cli, given: str) -> None:
        options = ("-c", "tiny", "--json")
        by_text, by_ids = (cli("forward", *what, *options).json for what in (["Every effort"], ["--token-ids", given]))
        for each in (by_text, by_ids):
            del each["build_seconds"], each["forward_seconds"]
        assert by_ids == by_text

    def test_several_and_saved(self, cli: Cli, bare: Path, tmp_path: Path) -> None:
        target = tmp_path / "x.safetensors"
        document = cli(
            "forward", "--token-ids", "1,2,3", "--token-ids", "499", "-c", str(bare), "--save", str(target), "--json"
        ).json
        assert document["input_ids"] == [[1, 2, 3], [499, 0, 0]]
        assert all(each["text"] is None for row in document["next_tokens"] for each in row)
        with safe_open(str(target), "pt") as file:
            assert file.get_tensor("input_ids").tolist() == document["input_ids"]
        page = cli("forward", "--token-ids", "1,2,3", "-c", str(bare)).out
        assert "#1|#2|#3\n  1 2 3\n" in page
        assert "after #3" in page

    def test_trace_and_page(self, cli: Cli, bare: Path, tmp_path: Path) -> None:
        options = ("--token-ids", "1,2,3", "-c", str(bare), "--loss")
        document = cli("trace", *options, "--json").json
        assert document["text_tokens"] == [[{"id": i, "text": None, "bytes": None} for i in (1, 2, 3)]]
        assert "#1|#2|#3" in cli("trace", *options, "--logit-lens", "--attention-map").out
        page = tmp_path / "page.html"
        assert cli("trace", *options, "--html", str(page)).code == 0
        assert "#3" in page.read_text()

    def test_targets_are_ids_too(self, cli: Cli, bare: Path) -> None:
        options = ("--token-ids", "1,2,3", "-c", str(bare), "--json")
        shifted = cli("forward", *options, "--loss").json["losses"][0]["tokens"]
        given = cli("forward", *options, "--targets", "2,3,7").json["losses"][0]["tokens"]
        assert given[:2] == shifted
        assert given[2]["target_id"] == 7
        for targets, told in {
            "2,3": "--targets 1 has 2 tokens, --token-ids 1 has 3; every token needs its next one",
            "2,3,500": "--targets 1: id 500 at position 2 is outside the vocabulary of bare",
            "you": "--targets 1: 'you' at position 0 is not a token id",
        }.items():
            outcome = cli("forward", *options, "--targets", targets)
            assert (outcome.code, outcome.out) == (2, "")
            assert told in outcome.err

    def test_generation_without_a_tokenizer_prints_ids(self, cli: Cli, bare: Path) -> None:
        options = ("generate", "--token-ids", "1,2,3", "-c", str(bare), "-n", "6")
        text = cli(*options, "--json").json["texts"][0]
        assert (text["prompt"], text["text"], text["prompt_ids"], len(text["ids"])) == (None, None, [1, 2, 3], 6)
        shown = " ".join(map(str, [1, 2, 3, *text["ids"]]))
        outcome = cli(*options)
        assert outcome.out == f"{shown}\n"
        assert "spell nothing" not in outcome.err
        two = cli(*options, "--token-ids", "9").out
        assert two.startswith(f"Text 1\n{shown}\n\nText 2\n9 ")
        refused = cli(*options, "--stop", "x")
        assert (refused.code, refused.out) == (2, "")
        assert "--stop is a text, and nothing says what ids spell here" in refused.err

    def test_generation_with_one_prints_text(self, cli: Cli) -> None:
        options = ("-c", "tiny", "-n", "4", "--json")
        by_text, by_ids = (
            cli("generate", *what, *options).json["texts"] for what in (["Every effort"], ["--token-ids", "6109,3626"])
        )
        assert by_ids == by_text

    def test_check(self, cli: Cli, tmp_path: Path) -> None:
        target = plant(tmp_path, "lecture")
        small = ["-c", "tiny", *(f"--set={size}" for size in ("emb_dim=24", "n_layers=2", "context_length=16"))]
        small.append("--set=vocab_size=61")
        document = cli("check", target, "--token-ids", "60,3", *small, "--json").json
        assert (document["ok"], document["input_ids"]) == (True, [[60, 3], [3, 60]])
        for options, told in {
            ("--token-ids", "61"): "--token-ids 1: id 61 at position 0 is outside the vocabulary of tiny",
            ("--token-ids", "1", "--token-ids", "2"): "--token-ids is given more than once, and one text is run",
            ("text", "--token-ids", "1"): "--token-ids gives ids in place of texts",
            ("text",): "tiny has a vocabulary of 61, which is not GPT-2's",
        }.items():
            outcome = cli("check", target, *options, *small)
            assert (outcome.code, outcome.out) == (2, "")
            assert told in outcome.err

    @pytest.mark.parametrize("command", ["forward", "trace"])
    @pytest.mark.parametrize("given", REFUSED, ids=lambda given: repr(given)[:20])
    def test_what_cannot_be_is_refused(self, cli: Cli, command: str, given: tuple[str, ...]) -> None:
        outcome = cli(command, "-c", "tiny", *(word for each in given for word in ("--token-ids", each)))
        assert (outcome.code, outcome.out) == (2, "")
        assert REFUSED[given] in outcome.err

    def test_texts_beside_them_are_refused(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "text").write_text(TEXT)
        for what in ([TEXT], ["-"], ["-f", str(tmp_path / "text")]):
            outcome = cli("forward", *what, "--token-ids", "1", "-c", "tiny")
            assert (outcome.code, outcome.out) == (2, "")
            assert "leave out the one or the others" in outcome.err

    def test_ids_of_a_padded_vocabulary_spell_nothing(self, cli: Cli) -> None:
        options = ("-c", "tiny", "--set", "vocab_size=50304")
        assert "(no such token)" in cli("forward", "--token-ids", "6109,50300", *options).out
        text = cli("generate", "--token-ids", "6109,50300", *options, "-n", "1", "--json").json["texts"][0]
        assert text["prompt"] == "Every"


class TestNotes:
    """What is said beside a result."""

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("tokenizer_config.json", '{"chat_template": "{{ messages }}"}'),
            ("chat_template.jinja", "{{ messages }}"),
        ],
    )
    def test_a_chat_template_is_not_applied(self, cli: Cli, own: Path, name: str, data: str) -> None:
        plain = cli("forward", TEXT, "-c", str(own), "--json")
        assert plain.err == ""
        (own / name).write_text(data)
        for command in RUNNING:
            outcome = cli(command, TEXT, "-c", str(own), "--json")
            told = (
                f"note: mine has a chat template ({own / name}), which is not applied: the text is read as it stands\n"
            )
            assert outcome.err == told
        assert cli("forward", TEXT, "-c", str(own), "--json").json["input_ids"] == plain.json["input_ids"]
        assert cli("forward", "--token-ids", "1", "-c", str(own), "--json").err == ""

    @pytest.mark.parametrize("name", ["Llama-3.2-1B-Instruct", "llama-2-7b-chat", "gemma-3-1b-it", "Qwen_chat"])
    def test_an_instruct_model_by_its_name(self, cli: Cli, tmp_path: Path, name: str) -> None:
        folder = folder_of(tmp_path, 500, "llama", name)
        told = f"note: {name} is an instruct model by its name; a chat template is not applied"
        assert cli("forward", TEXT, "-c", str(folder), "--json").err.startswith(told)

    @pytest.mark.parametrize("name", ["bit-llama", "chatty", "gpt-it1", "instructive"])
    def test_other_names_say_nothing(self, cli: Cli, tmp_path: Path, name: str) -> None:
        folder = folder_of(tmp_path, 500, "llama", name)
        assert cli("forward", TEXT, "-c", str(folder), "--json").err == ""

    @pytest.mark.parametrize("data", ["{", "[]", "{}", '{"chat_template": null}'])
    def test_settings_that_say_nothing(self, cli: Cli, own: Path, data: str) -> None:
        (own / "tokenizer_config.json").write_text(data)
        outcome = cli("forward", TEXT, "-c", str(own), "--json")
        assert (outcome.code, outcome.err) == (0, "")

    def test_special_tokens_that_are_text(self, cli: Cli, own: Path) -> None:
        outcome = cli("forward", "Hi</s>", "-c", str(own), "--json")
        assert outcome.err == "note: text 1: </s> is read as text; --allow-special reads it as token 2\n"
        assert 2 not in outcome.json["input_ids"][0]
        allowed = cli("forward", "Hi</s>", "-c", str(own), "--json", "--allow-special")
        assert (allowed.err, allowed.json["input_ids"][0][-1]) == ("", 2)


class TestTokenize:
    """Tokenizers by path."""

    @pytest.mark.parametrize("kind", ["byte_level", "llama", "gemma"])
    def test_ids_bytes_and_back(self, cli: Cli, tmp_path: Path, kind: str) -> None:
        path = saved(kind, tmp_path)
        text = "naïve  façade 🤷🏽\n"
        ids = ids_of(tmp_path, text)
        option = ("--tokenizer", str(path))
        document = cli("tokenize", text, *option, "--json").json
        assert (document["encoding"], document["total_tokens"]) == (str(path), len(ids))
        assert (document["texts"][0]["text"], document["texts"][0]["ids"]) == (text, ids)
        data = b"".join(bytes.fromhex(token["bytes"]) for token in document["texts"][0]["tokens"])
        assert data.decode().removeprefix("<s>").removeprefix(" ") == text
        assert cli("tokenize", text, *option, "--ids").out == " ".join(map(str, ids)) + "\n"
        assert cli("tokenize", text, "Hi", *option, "--count").out == f"{len(ids) + len(ids_of(tmp_path, 'Hi'))}\n"
        own = [token_id for token_id in ids if kind == "byte_level" or token_id != 1]
        assert cli("tokenize", "--decode", *map(str, own), *option).out == text
        decoded = cli("tokenize", "--decode", "--json", " ".join(map(str, own)), *option).json
        assert decoded["texts"][0]["text"] == text
        assert f"({path})" in cli("tokenize", text, *option).out

    def test_a_folder_and_a_ranks_file(self, cli: Cli, tmp_path: Path) -> None:
        saved("llama", tmp_path)
        assert cli("tokenize", TEXT, "--ids", "--tokenizer", str(tmp_path)).out.startswith("1 ")
        ranks = tmp_path / "mine.tiktoken"
        shutil.copy(VOCABULARY_FILE, ranks)
        outcome = cli("tokenize", TEXT, "--ids", "--tokenizer", str(ranks))
        assert (outcome.out, outcome.err) == (cli("tokenize", TEXT, "--ids").out, "")
        with ranks.open("ab") as file:
            file.write(b"ZmluYWxseWxvbmdlc3R0b2tlbg== 50256\n")
        outcome = cli("tokenize", TEXT, "--ids", "--tokenizer", str(ranks))
        assert outcome.out == cli("tokenize", TEXT, "--ids").out
        assert outcome.err == f"note: {ranks}: does not say how a text is cut into words; GPT-2's pattern is taken\n"

    def test_gpt2_by_name(self, cli: Cli) -> None:
        for name in ("gpt2", "r50k_base"):
            assert cli("tokenize", TEXT, "--json", "--tokenizer", name) == cli("tokenize", TEXT, "--json")

    def test_errors(self, cli: Cli, tmp_path: Path) -> None:
        path = saved("llama", tmp_path)
        (tmp_path / "empty").mkdir()
        (tmp_path / "text").write_text("just a text")
        for words, told in {
            ("x", "--tokenizer", str(tmp_path / "empty")): "is a directory without tokenizer.json; name another",
            ("x", "--tokenizer", str(tmp_path / "none")): "cannot be read: No such file or directory",
            ("x", "--tokenizer", str(tmp_path / "text")): "is neither a tokenizer.json nor a .tiktoken file",
            ("x", "--tokenizer", "/dev/null"): "/dev/null: is empty",
            ("--decode", "100000", "--tokenizer", str(path)): f"id 100000: {path} has the ids 0 to ",
            ("--decode", "900", "--tokenizer", str(path)): f"id 900 at position 0: {path} has the ids 0 to ",
        }.items():
            outcome = cli("tokenize", *words)
            assert (outcome.code, outcome.out) == (2, "")
            assert told in outcome.err
            assert outcome.err.count("\n") == 1

    def test_the_package_is_loaded_for_such_a_file_alone(self, own: Path) -> None:
        code = "import sys; from gptcli.cli import run; run(sys.argv[1:]); sys.exit('tokenizers' in sys.modules)"
        for arguments, loaded in {
            ("tokenize", TEXT, "--ids"): False,
            ("params", "-c", str(own)): False,
            ("flow", TEXT, "-c", "tiny", "--json"): False,
            ("flow", "--token-ids", "1", "-c", "tiny", "--json"): False,
            ("tokenize", TEXT, "--ids", "--tokenizer", str(own)): True,
            ("flow", TEXT, "-c", str(own), "--json"): True,
        }.items():
            done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=False)
            assert done.returncode == loaded


def test_the_logits_of_ids_are_those_of_transformers(cli: Cli, own: Path, tmp_path: Path) -> None:
    model = peer()
    model.save_pretrained(own)
    target = tmp_path / "x.safetensors"
    cli("forward", TEXT, "--weights", str(own), "--save", str(target))
    with torch.inference_mode(), safe_open(str(target), "pt") as file:
        theirs = model(torch.tensor([ids_of(own, TEXT)])).logits
        torch.testing.assert_close(file.get_tensor("logits"), theirs, rtol=1e-4, atol=1e-4)
