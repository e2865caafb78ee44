"""Names of models at the Hugging Face Hub: ``owner/name``, and ``owner/name@revision`` where main is not meant."""

import re
from pathlib import Path

from msgspec import Struct

# The client's own rule, so that no name is refused in its words.
_PART = r"(?!-|\.)[\w.-]{1,96}(?<![-.])"
_NAME = re.compile(rf"(?!.*(?:--|\.\.)){_PART}(?:/{_PART})?(?<!\.git)", re.ASCII)
# A branch, a tag, a commit, ``refs/pr/1``. It becomes a path in the cache, so no part of it may lead out of there.
_REVISION = re.compile(r"(?!.*(?:\.\.|//|/\.))\w[\w./+-]{0,250}(?<![./])", re.ASCII)
# How people write that they mean a model of the Hub; an address of its page may end in a revision.
_PREFIX = re.compile(r"https?://(?:www\.)?(?:huggingface|hf)\.co/|hf:(?://)?")
_TREE = "/tree/"
# How files end: those that we read, those that people take for a checkpoint, those that lie beside one. No model of the
# Hub is called so, while a point in a name is common: gpt-neo-1.3B.
_READ = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".json", ".yaml", ".yml")
_REFUSED = (".gguf", ".ggml", ".npz", ".npy", ".h5", ".hdf5", ".msgpack", ".onnx", ".pkl", ".pickle", ".pb", ".tflite")
_PACKED = (".tar", ".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z")
_BESIDE = (".md", ".txt", ".rst", ".html", ".csv", ".jsonl", ".toml", ".log", ".pdf", ".py", ".ipynb", ".png", ".svg")
_FILE_ENDINGS = (*_READ, *_REFUSED, *_PACKED, *_BESIDE, ".index")


class HubName(Struct, frozen=True):
    """A model of the Hub.

    Attributes:
        repository: ``owner/name``, or a name alone, as old models have it.
        revision: a branch, tag or commit; None for the main branch.
    """

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"

    @property
    def model(self) -> str:
        """What the model is called, without its owner."""
        return self.repository.rpartition("/")[2]

    @property
    def has_owner(self) -> bool:
        """Whether it says whose model it is; names without an owner may as well be slips of the hand."""
        return "/" in self.repository


def parse_hub_name(text: str) -> HubName | None:
    """Return the model of the Hub that a text names, or None where it can be none.

    ``me/my-gpt``, ``me/my-gpt@v1``, ``hf://me/my-gpt``, ``https://huggingface.co/me/my-gpt/tree/v1``.
    """
    prefix = _PREFIX.match(text)
    bare = text[prefix.end() :].removesuffix("/") if prefix else text
    mark = _TREE if prefix and _TREE in bare else "@"
    repository, marked, revision = bare.partition(mark)
    if not _NAME.fullmatch(repository) or (looks_like_file(repository) and not prefix):
        return None
    if not marked:
        return HubName(repository)
    return HubName(repository, revision) if _REVISION.fullmatch(revision) else None


def looks_like_file(text: str) -> bool:
    """Return whether a name ends as files do, and as no model of the Hub does."""
    return Path(text).suffix.lower() in _FILE_ENDINGS
