"""``--weights``: what is stored is what runs, and nothing contradicts it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.checkpoints import peers
from tests.conftest import Cli

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

# The whole vocabulary, so that any text is one.
_SIZES = {"vocab_size": 50257, "context_length": 24, "emb_dim": 48, "n_heads": 4, "n_layers": 2}
_TEXTS = ["Every effort moves you", "Every day holds a"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("weights") / "gpt"
    model = peers.hugging_face(_SIZES)
    model.config.eos_token_id = model.generation_config.eos_token_id = None
    model.eval().save_pretrained(folder)
    return folder, model


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
def test_forward_gives_the_peers_logits(cli: Cli, tmp_path: Path, saved: tuple[Path, Any], attention: str) -> None:
    folder, model = saved
    out = tmp_path / "out.safetensors"
    arguments = ["--weights", str(folder), "--attention", attention, "--save", str(out), "--json"]
    report = cli("forward", *_TEXTS, *arguments).json
    assert report["weights"] == {"path": str(folder), "layout": "huggingface", "format": "safetensors"}
    written = load_file(out)
    with torch.no_grad():
        expected = model.eval()(written["input_ids"]).logits
    torch.testing.assert_close(written["logits"], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("new", [12, 40], ids=["within the context", "past the context"])
@pytest.mark.parametrize("cache", [[], ["--no-cache"]], ids=["cache", "no-cache"])
def test_generate_gives_the_peers_ids(cli: Cli, saved: tuple[Path, Any], new: int, cache: list[str]) -> None:
    folder, model = saved
    arguments = ["--weights", str(folder), "--max-new-tokens", str(new), *cache, "--json"]
    for text in cli("generate", *_TEXTS, *arguments).json["texts"]:
        ids = torch.tensor([text["prompt_ids"]])
        if ids.shape[1] + new <= _SIZES["context_length"]:
            whole = model.generate(ids, do_sample=False, max_new_tokens=new, pad_token_id=0)
        else:  # transformers ends at its context; the lecture's loop goes on with the last tokens
            whole = ids
            for _ in range(new):
                with torch.no_grad():
                    logits = model.eval()(whole[:, -_SIZES["context_length"] :]).logits
                whole = torch.cat([whole, logits[:, -1:].argmax(-1)], dim=1)
        assert text["ids"] == whole[0, ids.shape[1] :].tolist()


def test_generation_ends_where_the_checkpoint_says(cli: Cli, tmp_path: Path, saved: tuple[Path, Any]) -> None:
    folder, model = saved
    ids = cli("generate", _TEXTS[0], "--weights", str(folder), "--json").json["texts"][0]["ids"]
    model.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "generation_config.json").read_text())
    (tmp_path / "generation_config.json").write_text(json.dumps(settings | {"eos_token_id": ids[4]}))
    text = cli("generate", _TEXTS[0], "--weights", str(tmp_path), "--json").json["texts"][0]
    assert text["ids"] == ids[: ids.index(ids[4]) + 1]
    assert text["finish_reason"] == "end of text"


@pytest.mark.parametrize("dtype", ["bf16", "fp32"])
def test_other_dtypes_are_converted(cli: Cli, tmp_path: Path, dtype: str) -> None:
    model = peers.hugging_face(_SIZES).bfloat16()
    model.save_pretrained(tmp_path)
    out = tmp_path / "out.safetensors"
    cli("forward", _TEXTS[0], "--weights", str(tmp_path), "--dtype", dtype, "--save", str(out))
    written = load_file(out)
    with torch.no_grad():
        expected = (model if dtype == "bf16" else model.float()).eval()(written["input_ids"]).logits.float()
    tolerance = 1e-4 if dtype == "fp32" else 0.1
    torch.testing.assert_close(written["logits"], expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-c", "gpt2-124m"], "n_layers is 12, but --weights"),
        (["-c", "gpt2-124m"], "; leave out --config\n"),
        (["--set", "n_layers=3"], "--set n_layers=3: n_layers is 3, but --weights"),
        (["--set", "n_layers=3"], "; leave it out\n"),
        (["--set", "n_heads=2"], "--set n_heads=2: n_heads is 2, but --weights"),
        (["--untied"], "--untied: weight_tying is false, but --weights"),
        (["--init", "gpt2"], "--init says how random weights are drawn"),
    ],
)
@pytest.mark.parametrize("command", ["forward", "generate"])
def test_contradictions_name_both_sides(
    cli: Cli, saved: tuple[Path, Any], command: str, arguments: list[str], told: str
) -> None:
    outcome = cli(command, "!", "--weights", str(saved[0]), *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err


def test_a_variable_that_contradicts_is_to_be_unset(
    cli: Cli, saved: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPTCLI_N_LAYERS", "7")
    told = cli("forward", "!", "--weights", str(saved[0])).err
    assert told.startswith("error: GPTCLI_N_LAYERS: n_layers is 7, but --weights")
    assert told.endswith("; unset it\n")


@pytest.mark.parametrize("command", ["forward", "trace"])
def test_no_way_out_changes_the_length_of_stored_weights(cli: Cli, saved: tuple[Path, Any], command: str) -> None:
    outcome = cli(command, "a" + " a" * 24, "--weights", str(saved[0]))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "error: text 1 has 25 tokens, over the context length 24 of gpt; shorten it\n"


@pytest.mark.parametrize("command", [["forward", "!", "-w"], ["checkpoint"], ["checkpoint", "convert"]], ids=" ".join)
def test_what_no_config_has_is_refused_before_a_file_is_opened(
    cli: Cli, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("opened before the refusal")

    monkeypatch.setattr("gptcli.api.weights.open_located", never)
    file = tmp_path / "model.pth"
    file.touch()
    more = [str(tmp_path / "out.pt"), "--to", "lecture"] if "convert" in command else []
    outcome = cli(*command, str(file), *more, "--set", "n_layerz=3", "--set", "n_heads=0")
    assert (outcome.code, outcome.out) == (2, "")
    assert [line.split(": ")[1] for line in outcome.err.splitlines()] == ["--set n_layerz=3", "--set n_heads=0"]


def test_a_config_that_says_the_same_is_no_contradiction(cli: Cli, saved: tuple[Path, Any]) -> None:
    outcome = cli("forward", "!", "--weights", str(saved[0]), "-c", str(saved[0] / "config.json"))
    assert outcome.code == 0


def test_guesses_are_told(cli: Cli, tmp_path: Path) -> None:
    torch.save(peers.lecture(_SIZES).state_dict(), tmp_path / "model.pth")
    path = str(tmp_path / "model.pth")
    assert "note: " + path + ": shapes do not say the number of heads" in cli("forward", "!", "-w", path).err
    assert cli("forward", "!", "-w", path, "--set", "n_heads=4").err == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_logits_that_are_no_numbers_are_noted(cli: Cli, tmp_path: Path, value: float, dtype: str) -> None:
    state = peers.lecture(_SIZES).state_dict()
    path = str(tmp_path / "model.pth")
    words = ["--weights", path, "--set", f"n_heads={_SIZES['n_heads']}", "--dtype", dtype]
    torch.save(state, path)
    whole = cli("forward", "!", *words, "--json")
    assert (whole.json["logits"]["finite"], whole.err) == (True, "")
    state["out_head.weight"][-1, 0] = value  # of the last token alone
    torch.save(state, path)
    broken = cli("forward", "!", *words, "--json")
    assert (broken.code, broken.json["logits"]["finite"]) == (0, False)
    assert broken.err.startswith(f"note: the logits hold NaN or infinity; 'gptcli checkpoint {path}' says where")


@pytest.mark.parametrize(("dtype", "cure"), [("fp32", "'gptcli checkpoint' says"), ("fp16", "use --dtype fp32")])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_token_is_chosen_from_what_is_no_number(
    cli: Cli, tmp_path: Path, value: float, dtype: str, cure: str
) -> None:
    state = peers.lecture(_SIZES).state_dict()
    state["out_head.weight"][:2, 0] = torch.tensor([value, -value])  # of which one gives the highest logit
    torch.save(state, tmp_path / "model.pth")
    words = ["--weights", str(tmp_path / "model.pth"), "--set", f"n_heads={_SIZES['n_heads']}", "--dtype", dtype]
    outcome = cli("generate", "!", *words)
    assert outcome.code == 1
    assert "gives logits that are not numbers" in outcome.err
    assert cure in outcome.err


def test_verify_measures_the_model_of_a_checkpoint(cli: Cli, saved: tuple[Path, Any]) -> None:
    report = cli("verify", "--weights", str(saved[0]), "--quick", "--json").json
    assert report["ok"]
    assert report["config"]["n_layers"] == _SIZES["n_layers"]
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["parameters in the checkpoint"]["measured"] == saved[1].num_parameters()


def test_nothing_is_copied(saved: tuple[Path, Any]) -> None:
    """Every parameter of a checkpoint in the file's own dtype lies in the mapped file."""
    from gptcli.api.weights import load_weights
    from gptcli.model.load import load_model

    model = load_model(load_weights(str(saved[0])).recognised, dtype=torch.float32)
    storages = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    assert len(storages) == 1
    assert next(model.parameters()).untyped_storage().nbytes() == (saved[0] / "model.safetensors").stat().st_size
