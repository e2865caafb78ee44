"""A head of its own, and one that is the embedding: by what lies in the file, whatever its settings say."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file, save_model

from gptcli.api.weights import load_weights
from gptcli.errors import InputError
from gptcli.model.load import load_model
from tests.checkpoints import peers
from tests.checkpoints.peers import IDS, SHAPES
from tests.conftest import Cli
from tests.naive_nanogpt import NanoGPT

pytestmark = pytest.mark.filterwarnings("ignore")
SIZES = SHAPES[1]
HEADS = [f"n_heads={SIZES['n_heads']}"]


def _recognised(path: Path, *more: str) -> Any:
    return load_weights(str(path), set_values=[*HEADS, *more]).recognised


def _logits(recognised: Any) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = load_model(recognised, dtype=torch.float32)(IDS)
    return logits


def _kinds(recognised: Any) -> set[str]:
    return {finding.kind for finding in recognised.findings}


@pytest.fixture
def untied() -> NanoGPT:
    """The names of nanoGPT, with a head of its own, as minGPT and makemore have it."""
    model = peers.nanogpt(SIZES)
    model.lm_head.weight = torch.nn.Parameter(0.15 * torch.randn(model.lm_head.weight.shape))
    return model


def test_a_head_of_its_own_is_not_nanogpts(tmp_path: Path, untied: NanoGPT) -> None:
    path = tmp_path / "model.pt"
    torch.save(untied.state_dict(), path)
    found = _recognised(path)
    assert (found.matched.layout.name, found.config.activation, found.config.weight_tying) == (
        "mingpt", "gelu_tanh", False)  # fmt: skip
    assert "guessed-activation" in _kinds(found)
    exact = _recognised(path, "activation=gelu")  # what this network computes
    assert "guessed-activation" not in _kinds(exact)
    torch.testing.assert_close(_logits(exact), peers.logits_of(untied), atol=1e-4, rtol=0)


def test_a_head_of_its_own_is_converted(tmp_path: Path, untied: NanoGPT, cli: Cli) -> None:
    path, out = tmp_path / "model.pt", tmp_path / "out"
    torch.save(untied.state_dict(), path)
    cli("checkpoint", "convert", str(path), str(out), "--to", "huggingface", "--set", HEADS[0])
    written = load_file(out / "model.safetensors")
    torch.testing.assert_close(written["lm_head.weight"], untied.lm_head.weight.detach())
    assert json.loads((out / "config.json").read_text())["tie_word_embeddings"] is False


def test_settings_that_tie_a_head_of_its_own_are_contradicted(tmp_path: Path, untied: NanoGPT) -> None:
    path = tmp_path / "ckpt.pt"
    torch.save({"model": untied.state_dict(), "model_args": peers.nanogpt_args(SIZES)}, path)
    found = load_weights(str(path)).recognised
    assert "untied-head" in _kinds(found)
    torch.testing.assert_close(_logits(found), peers.logits_of(untied), atol=1e-4, rtol=0)


def test_nanogpts_names_without_its_settings_are_said_to_be_a_guess(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    model = peers.nanogpt(SIZES)
    torch.save(model.state_dict(), path)
    found = _recognised(path)
    assert (found.matched.layout.name, found.config.activation) == ("nanogpt", "gelu")
    message = next(each.message for each in found.findings if each.kind == "guessed-activation")
    assert "--set activation=" in message
    assert _recognised(path, "activation=gelu_tanh").config.activation == "gelu_tanh"
    torch.save({"model": model.state_dict(), "model_args": peers.nanogpt_args(SIZES)}, path)
    assert "guessed-activation" not in _kinds(load_weights(str(path)).recognised)


def test_transformers_head_that_its_config_ties(tmp_path: Path) -> None:
    model = peers.hugging_face(SIZES, tied=False)
    folder = tmp_path / "gpt"
    model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    found = load_weights(str(folder)).recognised
    assert "untied-head" in _kinds(found)
    torch.testing.assert_close(_logits(found), peers.logits_of(model), atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", ["huggingface", "huggingface-folder", "nanogpt"])
def test_a_tied_weight_is_stored_under_the_heads_name(tmp_path: Path, family: str) -> None:
    model = peers.nanogpt(SIZES) if family == "nanogpt" else peers.hugging_face(SIZES)
    folder = tmp_path / "gpt"
    if family == "huggingface-folder":
        model.save_pretrained(folder)  # type: ignore[operator]  # torch types it as of any module
        save_model(model, str(folder / "model.safetensors"))
        state = load_file(folder / "model.safetensors")
        table = state.pop("transformer.wte.weight", None)
        if table is not None:  # whichever of the two names this version keeps
            state.setdefault("lm_head.weight", table)
        save_file(state, folder / "model.safetensors")
        found = load_weights(str(folder)).recognised
    else:
        state = {name: value for name, value in model.state_dict().items() if "wte" not in name}
        folder.mkdir()
        torch.save(state, folder / "model.pt")
        found = _recognised(folder / "model.pt")
    assert found.config is not None
    assert found.config.weight_tying
    torch.testing.assert_close(_logits(found), peers.logits_of(model), atol=1e-4, rtol=0)
    (tied,) = [each for each in found.findings if each.kind == "tied-head"]
    assert (tied.path, tied.severity) == ("lm_head.weight", "note")


def test_an_embedding_that_is_missing_where_the_head_is_its_own_is_missing(tmp_path: Path) -> None:
    model = peers.hugging_face(SIZES, tied=False)
    folder = tmp_path / "gpt"
    model.save_pretrained(folder)
    state = {name: value for name, value in load_file(folder / "model.safetensors").items() if "wte" not in name}
    save_file(state, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"wte\.weight: missing"):
        load_weights(str(folder))
