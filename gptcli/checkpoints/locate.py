"""What stands at a path: which files hold the tensors, in which format, and which config came with them."""

from pathlib import Path

import msgspec
from msgspec import Struct

from gptcli.checkpoints.safetensors_file import BrokenFileError, has_safetensors_header, looks_like_safetensors
from gptcli.config.printable import printable, shortened
from gptcli.errors import InputError
from gptcli.files import note_folder, open_input
from gptcli.reports.finding import Finding

# In the order in which transformers looks for them.
WHOLE = ("model.safetensors", "pytorch_model.bin")
SHARDED = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
_INDEX = ".index.json"
MAX_JSON = 64 * 2**20  # bytes of an index
GGUF = b"GGUF"  # how llama.cpp's files begin
_LOOK = 512

# How files begin that people take for a checkpoint, and what they are.
_OTHER_FILES: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'"),
    (b"\x89HDF", "an HDF5 file (Keras or TensorFlow); convert it to safetensors first"),
    (b"\x93NUMPY", "a NumPy array; save a state_dict with torch.save or safetensors"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"7z", "a 7-Zip archive; unpack it first"),
    (b"<!", "a web page; the download went wrong"),
    (b"<html", "a web page; the download went wrong"),
)


class Located(Struct, frozen=True, kw_only=True):
    """Where a checkpoint's parts are.

    Attributes:
        kind: ``safetensors``, ``pickle`` or ``gguf``.
        files: the files with tensors.
        names: for a sharded checkpoint the file of each tensor by its index, else empty.
        config: the ``config.json`` that belongs to it, or None.
        generation: the ``generation_config.json`` beside it, or None.
        findings: shards that are missing.
    """

    kind: str
    files: list[Path]
    names: dict[str, str] = {}
    config: Path | None = None
    generation: Path | None = None
    findings: list[Finding] = []


def locate(path: Path) -> Located:
    """Find out what a path holds.

    Raises:
        InputError: there is nothing, or it cannot be read.
        BrokenFileError: what is there is no checkpoint.
    """
    place = printable(str(path))
    try:
        if path.is_dir():
            return _in_directory(path)
        if path.name.endswith(_INDEX):
            return _sharded(path, path.parent)
        return _with_config(Located(kind=_kind(path), files=[path]), path.parent, standard=path.name in WHOLE)
    except OSError as error:
        raise InputError(f"{place}: cannot be read: {error.strerror or error}") from None


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object.

    Raises:
        BrokenFileError: it is none.
        OSError: the file cannot be read.
    """
    place = printable(str(path))
    if path.stat().st_size > MAX_JSON:
        raise BrokenFileError("bad-index", place, "is too large for a JSON index")
    try:
        with open_input(path) as file:
            found = msgspec.json.decode(file.read())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenFileError("bad-index", place, f"is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise BrokenFileError("bad-index", place, "is not a JSON object")
    return found


def _in_directory(folder: Path) -> Located:
    for name in WHOLE:
        if (folder / name).is_file():
            _note(folder, WHOLE[: WHOLE.index(name)])
            return _with_config(Located(kind=_kind(folder / name), files=[folder / name]), folder, standard=True)
    for name in SHARDED:
        if (folder / name).is_file():
            _note(folder, (*WHOLE, *SHARDED[: SHARDED.index(name)]))
            return _sharded(folder / name, folder)
    candidates = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES and file.is_file())
    candidates = candidates or sorted(file for file in folder.glob("*.gguf") if file.is_file())
    if len(candidates) == 1:
        _note(folder, (*WHOLE, *SHARDED), (*_SUFFIXES, ".gguf"))
        return _with_config(Located(kind=_kind(candidates[0]), files=candidates), folder, standard=True)
    place = printable(str(folder))
    if not candidates:
        wanted = f"{', '.join(WHOLE)} or another file that ends in {', '.join((*_SUFFIXES, '.gguf'))}"
        raise BrokenFileError("not-a-checkpoint", place, f"is a directory without a checkpoint: no {wanted}")
    names = ", ".join(printable(file.name) for file in candidates[:5])
    raise BrokenFileError("not-a-checkpoint", place, f"holds several checkpoints, name one of them: {names}")


def _note(folder: Path, sooner: tuple[str, ...], endings: tuple[str, ...] = ()) -> None:
    """Note a directory as what it holds now, which files that are looked for sooner, or looked at too, would change."""
    files = {file.name for file in folder.iterdir()}
    note_folder(folder, lambda name: name not in files and (name in sooner or name.endswith(endings)))


def _sharded(index: Path, folder: Path) -> Located:
    """Read which tensor lies in which file; an index may name files beside it and nowhere else."""
    place = printable(str(index))
    names = shards_of(read_json(index), place)
    shards = sorted({folder / file for file in names.values()})
    missing = [shard for shard in shards if not shard.is_file()]
    findings = [
        Finding(
            "error", "missing-shard", printable(str(shard)), f"shard is missing; {held(names, shard.name)} are in it"
        )
        for shard in missing
    ]
    present = [shard for shard in shards if shard not in missing]
    if not present:
        raise BrokenFileError("missing-shard", place, f"none of its {len(shards)} shards is there")
    located = Located(kind=_kind(present[0]), files=present, names=names, findings=findings)
    return _with_config(located, folder, standard=True)


def shards_of(index: dict[str, object], place: str) -> dict[str, str]:
    """Return the file of each tensor by an index.

    Raises:
        BrokenFileError: it says none, or names files in other directories.
    """
    names = index.get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(file, str) for file in names.values()):
        raise BrokenFileError("bad-index", place, "has no weight_map from tensors to files")
    outside = next((file for file in names.values() if Path(file).name != file), None)
    if outside is not None:
        raise BrokenFileError("bad-index", place, f"names a file outside its directory: {shortened(outside)}")
    return names


def held(names: dict[str, str], shard: str) -> str:
    """Say how many tensors an index places in a file."""
    amount = sum(file == shard for file in names.values())
    return f"{amount} tensors" if amount > 1 else "1 tensor"


def _with_config(located: Located, folder: Path, *, standard: bool) -> Located:
    """Add the config beside the files, where their names are those that transformers gives."""
    config, generation = folder / "config.json", folder / "generation_config.json"
    if not standard or not config.is_file():
        return located
    return msgspec.structs.replace(located, config=config, generation=generation if generation.is_file() else None)


def _kind(path: Path) -> str:
    """Tell a file's format from how it begins, whatever its name says.

    Raises:
        BrokenFileError: it is no checkpoint.
    """
    place = printable(str(path))
    with open_input(path) as file:
        first = file.read(_LOOK)
    if not first:
        raise BrokenFileError("not-a-checkpoint", place, "is empty")
    if first.startswith(GGUF):
        return "gguf"
    if first.startswith(b"PK\x03\x04") or (first.startswith(b"\x80") and not has_safetensors_header(first)):
        return "pickle"
    if looks_like_safetensors(first):
        return "safetensors"
    for beginning, what in _OTHER_FILES:
        if first.lower().startswith(beginning.lower()):
            raise BrokenFileError("not-a-checkpoint", place, f"is not a checkpoint: {what}")
    raise BrokenFileError("not-a-checkpoint", place, _unknown(path, first))


def _unknown(path: Path, first: bytes) -> str:
    if path.suffix == ".safetensors":
        return "is not a checkpoint: no safetensors header, the ninth byte must be '{'"
    if _is_text(first):
        return "is not a checkpoint but a text file; a config goes with --config"
    return "is not a checkpoint: neither safetensors nor a file of torch.save"


def _is_text(first: bytes) -> bool:
    try:
        return first[:-4].decode().isprintable() or first[:-4].decode().isascii()
    except UnicodeDecodeError:
        return False
