"""Converted checkpoints, loaded by the program they are meant for."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from jsonschema import Draft202012Validator
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from gptcli.api.weights import load_weights
from gptcli.architecture import describe
from gptcli.checkpoints import LAYOUTS, Layout
from gptcli.checkpoints.opening import CONFIG_KEY
from gptcli.config import ModelConfig
from gptcli.model.gpt import GPT
from gptcli.model.initialize import initialize
from gptcli.model.load import load_model
from tests.checkpoints import peers
from tests.checkpoints.peers import IDS, SHAPES
from tests.conftest import Cli
from tests.naive import NaiveGPT
from tests.naive_nanogpt import NanoGPT

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]
_SIZES = SHAPES[1]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, nn.Module]]:
    """Return a checkpoint of each program, with the model it was saved from."""
    models: dict[str, Any] = {
        "huggingface": peers.hugging_face(_SIZES),
        "huggingface-untied": peers.hugging_face(_SIZES, tied=False),
        "lecture": peers.lecture(_SIZES),
        "nanogpt": peers.nanogpt(_SIZES, bias=False),
    }
    folder = tmp_path_factory.mktemp("sources")
    paths = {name: folder / name for name in models}
    models["huggingface"].save_pretrained(paths["huggingface"])
    models["huggingface-untied"].save_pretrained(paths["huggingface-untied"])
    torch.save(models["lecture"].state_dict(), paths["lecture"])
    peers.save_nanogpt(models["nanogpt"], peers.nanogpt_args(_SIZES, bias=False), paths["nanogpt"])
    return {name: (paths[name], model) for name, model in models.items()}


def _heads(source: str) -> list[str]:
    return ["--set", f"n_heads={_SIZES['n_heads']}"] if source == "lecture" else []


def _assert_same(loaded: Any, model: nn.Module) -> None:
    torch.testing.assert_close(peers.logits_of(loaded), peers.logits_of(model), atol=1e-4, rtol=0)


@pytest.mark.parametrize("source", ["huggingface", "huggingface-untied", "lecture", "nanogpt"])
def test_transformers_loads_it(cli: Cli, tmp_path: Path, sources: dict[str, Any], source: str) -> None:
    import transformers

    path, model = sources[source]
    folder = tmp_path / "converted"
    assert cli("checkpoint", "convert", str(path), str(folder), "--to", "huggingface", *_heads(source)).code == 0
    peer: Any = transformers.GPT2LMHeadModel
    loaded, told = peer.from_pretrained(folder, output_loading_info=True)
    assert not any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    _assert_same(loaded, model)


@pytest.mark.parametrize("source", ["huggingface", "huggingface-untied", "lecture"])
@pytest.mark.parametrize("name", ["gpt.pt", "gpt.safetensors"])
def test_the_lecture_loads_it(cli: Cli, tmp_path: Path, sources: dict[str, Any], source: str, name: str) -> None:
    path, model = sources[source]
    target = tmp_path / name
    assert cli("checkpoint", "convert", str(path), str(target), "--to", "lecture", *_heads(source)).code == 0
    state = torch.load(target, weights_only=True) if target.suffix == ".pt" else load_file(target)
    config = {**_SIZES, "drop_rate": 0.0, "qkv_bias": source != "lecture", "weight_tying": False}
    naive = NaiveGPT(config)
    naive.load_state_dict(state, strict=True)
    _assert_same(naive, model)


@pytest.mark.parametrize("name", ["gpt.pt", "gpt.safetensors"])
def test_nanogpt_loads_it(cli: Cli, tmp_path: Path, name: str) -> None:
    model = peers.hugging_face(_SIZES, activation_function="gelu")
    model.save_pretrained(tmp_path / "hf")
    target = tmp_path / name
    assert cli("checkpoint", "convert", str(tmp_path / "hf"), str(target), "--to", "nanogpt").code == 0
    if target.suffix == ".pt":
        checkpoint = torch.load(target, weights_only=True)
        state, args = checkpoint["model"], checkpoint["model_args"]
    else:
        state, args = load_file(target), peers.nanogpt_args(_SIZES)
    assert args.keys() == peers.nanogpt_args(_SIZES).keys()
    nano = NanoGPT(args)
    nano.load_state_dict(state, strict=True)
    _assert_same(nano, model)


@pytest.mark.parametrize("source", ["huggingface", "huggingface-untied", "lecture", "nanogpt"])
def test_our_own_layout_keeps_config_and_numbers(
    cli: Cli, tmp_path: Path, sources: dict[str, Any], source: str
) -> None:
    path, model = sources[source]
    target = tmp_path / "own.safetensors"
    assert cli("checkpoint", "convert", str(path), str(target), "--to", "gptcli", *_heads(source)).code == 0
    recognised = load_weights(str(target)).recognised
    assert recognised.matched is not None
    assert recognised.config is not None
    assert recognised.matched.layout.name == "gptcli"
    assert recognised.config.n_heads == _SIZES["n_heads"]
    with torch.no_grad():
        ours = load_model(recognised, dtype=torch.float32)(IDS)
    torch.testing.assert_close(ours, peers.logits_of(model), atol=1e-4, rtol=0)


def test_what_is_printed_keeps_to_its_schema(cli: Cli, tmp_path: Path, sources: dict[str, Any]) -> None:
    check = Draft202012Validator(cli("config", "schema", "checkpoint").json)
    check.validate(cli("checkpoint", str(sources["huggingface"][0]), "--stats", "--json").json)
    converted = cli("checkpoint", "convert", str(sources["nanogpt"][0]), str(tmp_path / "out"), "--to", "huggingface")
    assert converted.code == 0
    arguments = ["convert", str(sources["nanogpt"][0]), str(tmp_path / "own.safetensors"), "--to", "gptcli", "--json"]
    check.validate(cli("checkpoint", *arguments).json)


def test_a_guess_is_noted(cli: Cli, tmp_path: Path, sources: dict[str, Any]) -> None:
    words = ["checkpoint", "convert", str(sources["lecture"][0]), "--to", "lecture"]
    guessed = cli(*words, str(tmp_path / "a.pt"), "--json")
    (finding,) = guessed.json["findings"]
    assert (finding["severity"], finding["kind"]) == ("warning", "guessed-heads")
    assert guessed.err == f"note: {sources['lecture'][0]}: {finding['message']}\n"
    assert "assumed" not in cli(*words, str(tmp_path / "b.pt")).out
    said = cli(*words, str(tmp_path / "c.pt"), "--json", *_heads("lecture"))
    assert (said.json["findings"], said.err) == ([], "")


def test_half_precision_stays(cli: Cli, tmp_path: Path) -> None:
    peers.hugging_face(_SIZES).bfloat16().save_pretrained(tmp_path / "hf")
    target = tmp_path / "gpt.safetensors"
    assert cli("checkpoint", "convert", str(tmp_path / "hf"), str(target), "--to", "nanogpt").code == 0
    with safe_open(target, "pt") as file:
        assert file.get_tensor("transformer.wte.weight").dtype == torch.bfloat16


def test_other_arithmetic_is_told(cli: Cli, tmp_path: Path, sources: dict[str, Any]) -> None:
    report = cli("checkpoint", "convert", str(sources["huggingface"][0]), str(tmp_path / "n.pt"), "--to", "nanogpt")
    assert "activation gelu" in report.out
    assert "warning" in report.out


@pytest.mark.parametrize(
    ("source", "target", "to", "told"),
    [
        ("huggingface-untied", "n.pt", "nanogpt", "head has weights of its own"),
        ("huggingface", "n.onnx", "lecture", "cannot be written as .onnx, only as .safetensors, .pt or .pth"),
        ("huggingface", "n.pt", "huggingface", "transformers loads a directory"),
        ("huggingface", "nowhere/n.pt", "lecture", "cannot be written"),
        ("huggingface", "lecture", "huggingface", "exists already"),
        ("huggingface", "n.pt", "lectur", "did you mean 'lecture'?"),
        ("huggingface", "n.pt", "gptcli", "the layout gptcli cannot be written as .pt, only as .safetensors"),
    ],
)
def test_refusals_leave_nothing(
    cli: Cli, tmp_path: Path, sources: dict[str, Any], source: str, target: str, to: str, told: str
) -> None:
    (tmp_path / "lecture").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    outcome = cli("checkpoint", "convert", str(sources[source][0]), str(tmp_path / target), "--to", to)
    assert outcome.code in (1, 2)
    assert told in outcome.err
    assert outcome.out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_a_broken_checkpoint_is_not_converted(cli: Cli, tmp_path: Path, sources: dict[str, Any]) -> None:
    file = shutil.copytree(sources["huggingface"][0], tmp_path / "broken") / "model.safetensors"
    state = load_file(file)
    del state["transformer.ln_f.weight"]
    save_file(state, file)
    outcome = cli("checkpoint", "convert", str(file.parent), str(tmp_path / "out.pt"), "--to", "lecture")
    assert outcome.code == 2
    assert "transformer.ln_f.weight: missing" in outcome.err
    assert not (tmp_path / "out.pt").exists()


def test_two_checkpoints_in_different_layouts_are_compared(cli: Cli, tmp_path: Path, sources: dict[str, Any]) -> None:
    path = sources["huggingface"][0]
    target = tmp_path / "gpt.pt"
    cli("checkpoint", "convert", str(path), str(target), "--to", "lecture")
    same = cli("checkpoint", str(target), "--against", str(path), "--json", "--set", "n_heads=4").json
    assert _kinds(same)["compared"] == "compared: all 40 weights are equal"

    state = torch.load(target, weights_only=True)
    first = "trf_blocks.1.att.W_{}.weight"
    state[first.format("query")], state[first.format("key")] = state[first.format("key")], state[first.format("query")]
    state["trf_blocks.0.att.out_proj.weight"] = state["trf_blocks.0.att.out_proj.weight"].t().contiguous()
    state["trf_blocks.2.ff.layers.0.weight"] = state["trf_blocks.0.ff.layers.0.weight"].clone()
    state["pos_emb.weight"][3, 4] += 0.5
    torch.save(state, target)
    report = cli("checkpoint", str(target), "--against", str(path), "--json").json
    told = {f["path"]: f["message"] for f in report["findings"] if f["kind"] == "differs"}
    assert "mixed up: query, key, value hold what should be key, query, value" in told[first.format("query")]
    assert "is transposed" in told["trf_blocks.0.att.out_proj.weight"]
    assert "holds what should be h.0.mlp.c_fc.weight" in told["trf_blocks.2.ff.layers.0.weight"]
    assert "differs in 1 of 1,152 numbers, by 0.5" in told["pos_emb.weight"]
    assert len(told) == 4


def _kinds(report: dict[str, Any]) -> dict[str, str]:
    return {finding["kind"]: finding["message"] for finding in report["findings"]}


def test_a_layout_is_a_row(cli: Cli, tmp_path: Path, sources: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing beside it: a layout whose program keeps settings in a pickle is written, and its settings are read."""
    toy = Layout(name="toy", label="a toy", modules={"wte": ("table",)}, settings_key="args", dialect="Hugging Face")
    monkeypatch.setitem(LAYOUTS, "toy", toy)
    path, model = sources["huggingface"]
    target = tmp_path / "toy.pt"
    assert cli("checkpoint", "convert", str(path), str(target), "--to", "toy").code == 0
    recognised = load_weights(str(target)).recognised
    assert recognised.matched is not None
    assert (recognised.matched.layout, recognised.errors()) == (toy, [])
    assert "args" in str(recognised.config_source)
    with torch.no_grad():
        ours = load_model(recognised, dtype=torch.float32)(IDS)
    torch.testing.assert_close(ours, peers.logits_of(model), atol=1e-4, rtol=0)


def _own(path: Path, *, meta: bool = True, **keys: Any) -> Path:
    """Save a network of ours; without ``meta`` the file does not say of what config."""
    config = ModelConfig(vocab_size=97, context_length=11, emb_dim=12, n_heads=1, n_layers=2, **keys)
    model = GPT(describe(config))
    initialize(model, "torch", 1)
    peers.shake(model)
    tensors = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    save_file(tensors, path, {CONFIG_KEY: msgspec.json.encode(config).decode()} if meta else None)
    return path


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("to", "target"), [("huggingface", "n"), ("lecture", "n.pt"), ("nanogpt", "n.pt")])
def test_no_program_with_layer_norms_is_given_an_rms_norm(
    cli: Cli, tmp_path: Path, to: str, target: str, bias: bool
) -> None:
    own = _own(tmp_path / "own.safetensors", norm="rms_norm", bias=bias, weight_tying=True)
    outcome = cli("checkpoint", "convert", str(own), str(tmp_path / target), "--to", to)
    assert (outcome.code, outcome.out) == (1, "")
    assert "norm layer_norm, this model has rms_norm" in outcome.err
    assert not (tmp_path / target).exists()
    again = tmp_path / "again.safetensors"
    assert cli("checkpoint", "convert", str(own), str(again), "--to", "gptcli").code == 0
    stored, kept = load_file(own), load_file(again)
    assert {name: tensor.tolist() for name, tensor in kept.items()} == {
        name: tensor.tolist() for name, tensor in stored.items()
    }


@pytest.mark.parametrize(("stored", "asked"), [("layer_norm", "rms_norm"), ("rms_norm", "layer_norm")])
@pytest.mark.parametrize("bias", [True, False])
def test_no_option_changes_the_norm_of_stored_weights(
    cli: Cli, tmp_path: Path, stored: str, asked: str, bias: bool
) -> None:
    for meta in (True, False):
        own = _own(tmp_path / "own.safetensors", meta=meta, norm=stored, bias=bias)
        words = ["forward", "--token-ids", "65", "--weights", str(own), "--json", "--set"]
        outcome = cli(*words, f"norm={asked}")
        if bias or meta:
            assert outcome.code == 2
            assert f"norm is {asked}, but --weights {own} has {stored}; leave it out" in outcome.err
        else:  # the file says nothing of it: the option does
            assert outcome.code == 0
            assert outcome.out != cli(*words, f"norm={stored}").out
