"""Models by name: the local cache of the Hugging Face Hub, and a download where huggingface_hub is installed."""

import os
import re
import sys
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from shlex import quote

from gptcli.config import preset_named
from gptcli.config.printable import printable
from gptcli.errors import GptcliError, InputError, closest

# The client's own rule, so that no name is refused in its words.
_PART = r"(?!-|\.)[\w.-]{1,96}(?<![-.])"
_NAME = re.compile(rf"(?!.*(?:--|\.\.)){_PART}(?:/{_PART})?(?<!\.git)", re.ASCII)
# What the Hub calls OpenAI's models, whose names are older than its organisations, by our presets of their sizes.
_OPENAI = {
    "gpt2-124m": "openai-community/gpt2",
    **{name: f"openai-community/{name}" for name in ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")},
}
# How files end: those that we read, those that people take for a checkpoint, those that lie beside one. No model of the
# Hub is called so, while a point in a name is common: gpt-neo-1.3B.
_WEIGHTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
_READ = (*_WEIGHTS, ".json", ".yaml", ".yml")
_REFUSED = (".gguf", ".ggml", ".npz", ".npy", ".h5", ".hdf5", ".msgpack", ".onnx", ".pkl", ".pickle", ".pb", ".tflite")
_PACKED = (".tar", ".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z")
_BESIDE = (".md", ".txt", ".rst", ".html", ".csv", ".jsonl", ".toml", ".log", ".pdf", ".py", ".ipynb", ".png", ".svg")
_FILE_ENDINGS = (*_READ, *_REFUSED, *_PACKED, *_BESIDE, ".index")
_FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")
_MOST_COMPARED = 1000  # names in a directory that a missing one is compared with
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
    if _is_path(name):
        raise InputError(f"{printable(name) or 'an empty name'}: no such file or directory{_path_hint(path)}")
    if not _NAME.fullmatch(name):
        stdin = "; a checkpoint is not read from standard input" if name == "-" else ""
        raise InputError(f"{printable(name)}: no such file or directory, and no name of a model{stdin}")
    repository = _OPENAI.get(preset_named(name) or "", name)
    for candidate in dict.fromkeys((name, repository)):
        cached = _cached(candidate)
        if cached is not None:
            return cached
    if "/" not in name and repository == name and (near := _near(path, _WEIGHTS)):
        hub = "a model of the Hub is named with its owner, owner/model"
        raise InputError(f"{name}: no such file or directory (did you mean '{printable(near)}'?); {hub}")
    return _downloaded(repository, name)


def _is_path(name: str) -> bool:
    """Return whether a name can only be a path, by how it begins, its slashes or how it ends."""
    beginning = name.startswith((".", "/", "~")) or "\\" in name
    return not name or beginning or name.count("/") > 1 or name.endswith("/") or _ending(name) in _FILE_ENDINGS


def _ending(name: str) -> str:
    return Path(name).suffix.lower()


def _path_hint(path: Path) -> str:
    """Return the way out: the nearest name in the same directory, or what the shell left undone."""
    if path.parts[:1] == ("~",):
        return "; the shell replaces ~ only at the beginning of a word, write $HOME instead"
    near = _near(path)
    return f" (did you mean '{printable(near)}'?)" if near else ""


def _near(path: Path, endings: tuple[str, ...] = ("",)) -> str | None:
    """Return the name in the same directory that a missing one looks like, or is but for its ending; None without."""
    try:
        names = [file.name for file in islice(path.parent.iterdir(), _MOST_COMPARED)]
    except (OSError, ValueError):
        return None
    names = sorted(name for name in names if name.lower().endswith(endings))
    known = {Path(name).stem: name for name in names} | {name: name for name in names}
    near = closest(path.name, known) if path.name else None
    return known.get(path.name) or (None if near is None else known[near])


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
    near = f" (did you mean '{printable(found)}'?)" if (found := _near(Path(name), _WEIGHTS)) else ""
    where = f"{name}: no such file or directory{near}, and not in the Hugging Face cache ({cache_directory()})"
    by_hand = f"fetch model.safetensors and config.json of {repository} yourself and name their directory"
    if find_spec("huggingface_hub") is None:
        install = f"{quote(sys.executable)} -m pip install huggingface_hub"
        raise GptcliError(f"{where}; '{install}' lets gptcli download it, or {by_hand}")
    from huggingface_hub import snapshot_download

    try:
        return Path(_snapshot(snapshot_download, repository))
    except Exception as error:  # whatever the client and the network beneath it raise
        reason = str(error).strip().splitlines()
        why = reason[0] if reason else type(error).__name__
        raise GptcliError(f"{where}; the download failed: {why}; {by_hand}") from None


def _snapshot(download: "object", repository: str) -> str:
    """Fetch what is needed: safetensors where there are any, else the older format."""
    assert callable(download)
    folder = str(download(repository, allow_patterns=list(_FILES)))
    if _has_weights(Path(folder)):
        return folder
    return str(download(repository, allow_patterns=[*_OLDER_FILES, "config.json", "generation_config.json"]))
