"""Every layout, written by its own program and read here: the logits are the peer's own."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gptcli.api.weights import load_weights
from gptcli.model.load import load_model
from tests.checkpoints import peers
from tests.checkpoints.peers import IDS, SHAPES

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

_SHAPES = pytest.mark.parametrize("sizes", SHAPES, ids=lambda sizes: f"C{sizes['emb_dim']}")


def _assert_runs(path: Path, expected: torch.Tensor, layout: str, sizes: dict[str, int], *, source: str = "") -> None:
    weights = load_weights(str(path), set_values=[f"n_heads={sizes['n_heads']}"] if source == "shapes" else [])
    recognised = weights.recognised
    assert recognised.matched is not None
    assert recognised.config is not None
    assert recognised.matched.layout.name == layout
    assert source in (recognised.config_source or "")
    assert {key: getattr(recognised.config, key) for key in sizes} == sizes
    model = load_model(recognised, dtype=torch.float32)
    with torch.no_grad():
        torch.testing.assert_close(model(IDS), expected, atol=1e-4, rtol=0)


@_SHAPES
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize(
    "kind", ["single", "sharded", "bin", "bin-sharded", "bare-file", "no-prefix", "exact-gelu", "old-masks"]
)
def test_hugging_face(tmp_path: Path, sizes: dict[str, int], tied: bool, kind: str) -> None:
    model = peers.hugging_face(sizes, tied=tied, **({"activation_function": "gelu"} if kind == "exact-gelu" else {}))
    expected = peers.logits_of(model)
    folder = tmp_path / "saved"
    model.save_pretrained(folder, max_shard_size="40KB" if kind == "sharded" else "5GB")
    if kind == "sharded":
        assert len(list(folder.glob("*.safetensors"))) > 1
    path, source = folder, "config.json"
    state = {name: value.clone() for name, value in model.state_dict().items()}
    if kind == "old-masks":
        mask = torch.tril(torch.ones(sizes["context_length"], sizes["context_length"]))[None, None]
        for block in range(sizes["n_layers"]):
            state[f"transformer.h.{block}.attn.bias"] = mask.clone()
            state[f"transformer.h.{block}.attn.masked_bias"] = torch.tensor(-1e4)
    if kind in ("bin", "bin-sharded", "old-masks"):
        (folder / "model.safetensors").unlink()
    if kind == "bin-sharded":
        names = list(state)
        shards = {"pytorch_model-00001.bin": names[::2], "pytorch_model-00002.bin": names[1::2]}
        for file, held in shards.items():
            torch.save({name: state[name] for name in held}, folder / file)
        index = {"weight_map": {name: file for file, held in shards.items() for name in held}}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    if kind in ("bin", "old-masks"):
        torch.save(state, folder / "pytorch_model.bin")
    if kind == "no-prefix":
        bare = {name.removeprefix("transformer."): value for name, value in state.items()}
        save_file(bare, folder / "model.safetensors")
    if kind == "bare-file":
        path, source = tmp_path / "weights.safetensors", "shapes"
        (folder / "model.safetensors").rename(path)
    _assert_runs(path, expected, "huggingface", sizes, source=source)


@_SHAPES
@pytest.mark.parametrize("qkv_bias", [False, True], ids=["no-bias", "qkv-bias"])
@pytest.mark.parametrize("kind", ["state_dict", "model_state_dict", "safetensors", "compiled", "faster", "with-cache"])
def test_lecture(tmp_path: Path, sizes: dict[str, int], qkv_bias: bool, kind: str) -> None:
    model = peers.lecture(sizes, qkv_bias=qkv_bias)
    expected = peers.logits_of(model)
    state: dict[str, Any] = model.state_dict()
    path = tmp_path / "model.pth"
    if kind == "compiled":
        state = {f"_orig_mod.{name}": value for name, value in state.items()}
    if kind == "faster":
        state = _as_faster_variant(state, sizes["n_layers"])
    if kind == "with-cache":
        state |= {f"trf_blocks.0.att.{name}": torch.zeros(1, 2, 3) for name in ("cache_k", "cache_v")}
    if kind == "safetensors":
        path = tmp_path / "gpt.safetensors"
        save_file({name: value.contiguous() for name, value in state.items()}, path)
    elif kind == "model_state_dict":
        optimizer = torch.optim.AdamW(model.parameters())
        torch.save({"model_state_dict": state, "optimizer_state_dict": optimizer.state_dict()}, path)
    else:
        torch.save(state, path)
    _assert_runs(path, expected, "lecture", sizes, source="shapes")


def _as_faster_variant(state: dict[str, Any], layers: int) -> dict[str, Any]:
    """Return a state_dict with query, key and value in one layer, and torch's own layer norms."""
    found = {
        name.replace(".scale", ".weight").replace(".shift", ".bias").replace("att.out_proj", "att.proj"): value
        for name, value in state.items()
        if ".W_" not in name and not name.endswith(".mask")
    }
    for block, name in product(range(layers), ("weight", "bias")):
        names = [f"trf_blocks.{block}.att.W_{part}.{name}" for part in ("query", "key", "value")]
        apart = [state[each] for each in names if each in state]
        if apart:
            found[f"trf_blocks.{block}.att.qkv.{name}"] = torch.cat(apart)
    return found


@_SHAPES
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "bias-free"])
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
def test_nanogpt(tmp_path: Path, sizes: dict[str, int], bias: bool, compiled: bool) -> None:
    model = peers.nanogpt(sizes, bias=bias)
    args = peers.nanogpt_args(sizes, bias=bias)
    path = peers.save_nanogpt(model, args, tmp_path / "ckpt.pt", compiled=compiled)
    _assert_runs(path, peers.logits_of(model), "nanogpt", sizes, source="model_args")


def test_old_pickles_without_an_archive(tmp_path: Path) -> None:
    model = peers.lecture(SHAPES[1])
    torch.save(model.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    _assert_runs(tmp_path / "old.pth", peers.logits_of(model), "lecture", SHAPES[1], source="shapes")
