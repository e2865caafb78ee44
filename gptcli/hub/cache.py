"""The cache that the Hub's client keeps: ``models--OWNER--NAME/{refs,snapshots}``, read without the client."""

import os
from pathlib import Path

from gptcli.hub.names import HubName

_MAX_REF = 4096  # bytes; a ref holds the name of a commit


def cache_directory() -> Path:
    """Return where the Hub's client keeps its files, by its own variables."""
    if cache := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME")
    if home is None:
        home = str(Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface")
    return Path(home).expanduser() / "hub"


def snapshots(name: HubName) -> list[Path]:
    """Return the directories that hold files of a model, the best first; none where nothing is cached.

    Of a revision that is named there is one. Otherwise that of the main branch comes first, then the others, the
    latest first: what is here is taken before anything is fetched.
    """
    folder = cache_directory() / f"models--{name.repository.replace('/', '--')}"
    try:
        commit = _commit(folder, name.revision or "main")
        if name.revision is not None:
            found = [folder / "snapshots" / (commit or name.revision)]
        else:
            found = [folder / "snapshots" / commit] if commit else []
            found += sorted((folder / "snapshots").iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        return [path for path in found if path.is_dir()]
    except (OSError, ValueError):
        return []


def cached_file(name: HubName, file: str) -> Path | None:
    """Return a file of a model from the best snapshot that has it, or None."""
    return next((path / file for path in snapshots(name) if (path / file).is_file()), None)


def _commit(folder: Path, revision: str) -> str:
    """Return the commit that a branch or tag stood at when it was fetched, or an empty text where it never was."""
    ref = folder / "refs" / revision
    if not ref.is_file():
        return ""
    with ref.open("rb") as file:
        commit = file.read(_MAX_REF).decode("ascii", "replace").strip()
    return commit if commit.isalnum() else ""
