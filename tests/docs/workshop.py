"""The files that the documentation's examples take for granted, small ones."""

import json
import os
import shutil
from pathlib import Path

import msgspec

from gptcli.architecture import describe
from gptcli.cli import run
from gptcli.config import load_config
from tests.docs.reading import ROOT
from tests.model.planted import plant

_SIZES = ["n_layers=2", "emb_dim=64", "n_heads=1", "context_length=16", "qkv_bias=true", "weight_tying=true"]
_LARGE = 100_000  # bytes; what is larger is linked to, not copied
_NANOGPT = {"n_layer": 2, "n_head": 2, "n_embd": 8, "block_size": 16, "vocab_size": 50257, "bias": True, "dropout": 0.0}


def furnish(folder: Path) -> None:
    """Write every file once: texts, configs, somebody's network, and one set of weights in every layout."""
    for name in ("mine.yaml", "my_model.yaml"):
        shutil.copy(ROOT / "configs" / "tiny.yaml", folder / name)
    shutil.copytree(ROOT / "configs", folder / "configs")
    (folder / "nano.json").write_text(json.dumps(_NANOGPT))
    _somebodys_network(folder)
    _weights(folder)
    for place in (folder, folder / "path" / "to", folder / "path" / "to" / "gpt2"):
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "gpt2" / "config.json", place / "config.json")
    snapshot = hub_cache(folder) / "models--openai-community--gpt2" / "snapshots" / "main"
    shutil.copytree(folder / "gpt2", snapshot)
    qwen = hub_cache(folder) / "models--Qwen--Qwen3-8B" / "snapshots" / "main"
    qwen.mkdir(parents=True)
    published = json.loads((ROOT / "tests" / "data" / "decoders" / "published-Qwen3-8B.json").read_text())
    (qwen / "config.json").write_text(json.dumps(published["config"]))


def hub_cache(folder: Path) -> Path:
    """Return where the cache of the Hub lies."""
    return folder / "hub"


def copy_of(folder: Path, target: Path) -> Path:
    """Return a copy of the files in which a command can work; what is written replaces the name alone."""

    def copy(source: str, destination: str) -> None:
        large = Path(source).stat().st_size > _LARGE
        (os.link if large else shutil.copy)(source, destination)

    return Path(shutil.copytree(folder, target, copy_function=copy))


def _somebodys_network(folder: Path) -> None:
    """Write the network whose mistake the README shows, and a function that makes one."""
    (folder / "my_lecture.py").unlink(missing_ok=True)
    file = Path(plant(folder, "lecture", "no-mask").rpartition(":")[0])
    config = msgspec.to_builtins(load_config("tiny", environ={}).config)
    source = f"{file.read_text()}\n\ndef make_model():\n    return GPTModel({config!r})\n"
    (folder / "my_gpt.py").write_text(source)
    file.unlink()


def _weights(folder: Path) -> None:
    from safetensors.torch import save_file

    from gptcli.checkpoints.opening import CONFIG_KEY
    from gptcli.model.forward import BuildOptions, build

    config = load_config("tiny", set_values=_SIZES, environ={}).config
    state = dict(build(describe(config), BuildOptions(init="gpt2")).state_dict())
    own = folder / "own.safetensors"
    del state["lm_head.weight"]
    save_file(state, own, metadata={CONFIG_KEY: msgspec.json.encode(config).decode()})
    targets = {"model.pth": "lecture", "model.safetensors": "lecture", "ckpt.pt": "nanogpt", "gpt2": "huggingface",
               "my_model": "huggingface"}  # fmt: skip
    for target, layout in targets.items():
        assert run(["checkpoint", "convert", str(own), str(folder / target), "--to", layout]) == 0
