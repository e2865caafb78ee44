"""Models by name: the local cache of the Hugging Face Hub, and a download where huggingface_hub is installed."""

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from shlex import quote

from gptcli.errors import GptcliError, InputError

_NAME = re.compile(r"[\w.-]{1,96}(?:/[\w.-]{1,96})?")
# Names from before the Hub had organisations.
_MOVED = {name: f"openai-community/{name}" for name in ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")}
_FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")
_OLDER_FILES = ("pytorch_model*.bin", "pytorch_model.bin.index.json")


def find_weights(name: str) -> Path:
    """Return the file or directory that ``--weights`` names: a path, or a model of the Hub by its name.

    Raises:
        InputError: there is no such path, and the name is no model's.
        GptcliError: the model is not in the cache and cannot be downloaded; the message says how to get it.
    """
    path = Path(name)
    try:
        if name and path.exists():
            return path
    except (OSError, ValueError):
        pass  # no path that a system knows
    if not _NAME.fullmatch(name) or path.suffix in (".safetensors", ".pt", ".pth", ".bin", ".ckpt"):
        raise InputError(f"{name or 'an empty name'}: no such file or directory, and no name of a model")
    for candidate in dict.fromkeys((name, _MOVED.get(name, name))):
        cached = _cached(candidate)
        if cached is not None:
            return cached
    return _downloaded(_MOVED.get(name, name), name)


def cache_directory() -> Path:
    """Return where the Hub's client keeps its files, by its own variables."""
    if cache := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME")
    if home is None:
        home = str(Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface")
    return Path(home).expanduser() / "hub"


def _cached(name: str) -> Path | None:
    """Return the directory of a model's newest snapshot: that of its main branch, or else the latest."""
    folder = cache_directory() / f"models--{name.replace('/', '--')}"
    main = folder / "refs" / "main"
    try:
        revision = main.read_text().strip() if main.is_file() else ""
        snapshots = [folder / "snapshots" / revision] if revision else []
        snapshots += sorted((folder / "snapshots").iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return None
    return next((path for path in snapshots if _has_weights(path)), None)


def _has_weights(folder: Path) -> bool:
    return folder.is_dir() and any(file.suffix in (".safetensors", ".bin") for file in folder.iterdir())


def _downloaded(repository: str, name: str) -> Path:
    where = f"{name}: no such file or directory, and not in the Hugging Face cache ({cache_directory()})"
    by_hand = f"fetch model.safetensors and config.json of {repository} yourself and name their directory"
    if find_spec("huggingface_hub") is None:
        install = f"{quote(sys.executable)} -m pip install huggingface_hub"
        raise GptcliError(f"{where}; '{install}' lets gptcli download it, or {by_hand}")
    from huggingface_hub import snapshot_download

    try:
        return Path(_snapshot(snapshot_download, repository))
    except Exception as error:  # whatever the client and the network beneath it raise
        reason = str(error).strip().splitlines()
        told = reason[0] if reason else type(error).__name__
        raise GptcliError(f"{where}; the download failed: {told}; {by_hand}") from None


def _snapshot(download: "object", repository: str) -> str:
    """Fetch what is needed: safetensors where there are any, else the older format."""
    assert callable(download)
    folder = str(download(repository, allow_patterns=list(_FILES)))
    if _has_weights(Path(folder)):
        return folder
    return str(download(repository, allow_patterns=[*_OLDER_FILES, "config.json", "generation_config.json"]))
