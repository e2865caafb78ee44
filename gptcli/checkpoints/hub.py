"""Weights by name: a path, the local cache of the Hugging Face Hub, and a download by the Hub's own client."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gptcli.config import preset_named
from gptcli.config.printable import printable
from gptcli.errors import GptcliError, InputError, closest
from gptcli.hub import HubName, cache_directory, looks_like_file, parse_hub_name, snapshots

if TYPE_CHECKING:
    from gptcli.hub.failures import HubError

# What the Hub calls OpenAI's models, whose names are older than its organisations, by our presets of their sizes.
_OPENAI = {
    "gpt2-124m": "openai-community/gpt2",
    **{name: f"openai-community/{name}" for name in ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")},
}
_WEIGHTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
_BESIDE = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
_FILES = ("*.safetensors", "*.safetensors.index.json", *_BESIDE)
_MOST_COMPARED = 1000  # names in a directory that a missing one is compared with
_OLDER_FILES = ("pytorch_model*.bin", "pytorch_model.bin.index.json")


def find_weights(name: str) -> Path:
    """Return the file or directory that ``--weights`` names: a path, or a model of the Hub by its name.

    Raises:
        InputError: there is no such path, and the name is no model's.
        GptcliError: the model is not in the cache and cannot be downloaded; the message says how to get it.
    """
    found = find_checkpoint(name)
    return found if isinstance(found, Path) else _downloaded(found, name)


def find_checkpoint(name: str) -> Path | HubName:
    """Return the path that a name means, in the Hub's cache too; or a model of the Hub that is not here.

    Raises:
        InputError: there is no such path, and the name is no model's.
    """
    path = Path(name)
    try:
        if name and path.exists():
            return path
    except (OSError, ValueError):
        pass  # no path that a system knows
    model = parse_hub_name(name)
    if model is None:
        raise InputError(_no_checkpoint(name, path))
    repository = _OPENAI.get(preset_named(model.repository) or "", model.repository)
    at_hub = replace(model, repository=repository)
    for candidate in dict.fromkeys((model, at_hub)):
        cached = _cached(candidate)
        if cached is not None:
            return cached
    if not at_hub.has_owner and (near := _near(path, _WEIGHTS)):
        hub = "a model of the Hub is named with its owner, owner/model"
        raise InputError(f"{name}: no such file or directory (did you mean '{printable(near)}'?); {hub}")
    return at_hub


def not_to_be_had(name: HubName, typed: str, error: "HubError") -> GptcliError:
    """Say that a model is neither here nor to be had, and how to get it.

    Args:
        name: the model.
        typed: what the user calls it.
        error: why it cannot be had.
    """
    near = f" (did you mean '{printable(found)}'?)" if (found := _near(Path(typed), _WEIGHTS)) else ""
    where = f"{typed}: no such file or directory{near}, and not in the Hugging Face cache ({cache_directory()})"
    by_hand = f"fetch model.safetensors and config.json of {name} yourself and name their directory"
    ways_out = [error.way_out] if error.way_out else []
    if error.by_hand:
        ways_out.append(by_hand)
    kind = InputError if error.is_input else GptcliError
    return kind(f"{where}; {printable(error.reason)}; {', or '.join(ways_out)}")


def _no_checkpoint(name: str, path: Path) -> str:
    if _is_path(name):
        return f"{printable(name) or 'an empty name'}: no such file or directory{_path_hint(path)}"
    stdin = "; a checkpoint is not read from standard input" if name == "-" else ""
    return f"{printable(name)}: no such file or directory, and no name of a model{stdin}"


def _is_path(name: str) -> bool:
    """Return whether a name can only be a path, by how it begins, its slashes or how it ends."""
    beginning = name.startswith((".", "/", "~")) or "\\" in name
    return not name or beginning or name.count("/") > 1 or name.endswith("/") or looks_like_file(name)


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


def _cached(name: HubName) -> Path | None:
    """Return the directory of the best snapshot that has weights; one may hold a config alone."""
    return next((path for path in snapshots(name) if _has_weights(path)), None)


def _has_weights(folder: Path) -> bool:
    return folder.is_dir() and any(file.suffix in (".safetensors", ".bin") for file in folder.iterdir())


def _downloaded(name: HubName, typed: str) -> Path:
    from gptcli.hub.client import check_reachable
    from gptcli.hub.failures import HubError, explained

    try:
        check_reachable()
        with explained(name, "weights"):
            return _snapshot(name)
    except HubError as error:
        raise not_to_be_had(name, typed, error) from None


def _snapshot(name: HubName) -> Path:
    """Fetch what is needed: safetensors where there are any, else the older format."""
    from huggingface_hub import snapshot_download

    folder = Path(snapshot_download(name.repository, revision=name.revision, allow_patterns=list(_FILES)))
    if _has_weights(folder):
        return folder
    older = [*_OLDER_FILES, *_BESIDE]
    return Path(snapshot_download(name.repository, revision=name.revision, allow_patterns=older))
