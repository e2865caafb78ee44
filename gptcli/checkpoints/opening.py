"""Opening a checkpoint: headers and settings, no data."""

from collections.abc import Callable, Sequence
from pathlib import Path

from gptcli.checkpoints.locate import SHARDED, WHOLE, Located, read_json
from gptcli.checkpoints.safetensors_file import BrokenFileError, Header, SafetensorsSource, read_header
from gptcli.checkpoints.stored import Opened, Source, StoredTensor
from gptcli.config.names import model_name
from gptcli.config.printable import printable
from gptcli.reports.finding import Finding

CONFIG_KEY = "gptcli.config"  # in the metadata of a file in our own layout
_END_OF_TEXT = "eos_token_id"


def open_safetensors(path: Path, located: Located) -> Opened:
    """Read the headers of one or more safetensors files.

    Raises:
        BrokenFileError: a header cannot be read.
        OSError: a file cannot be read.
    """
    headers = [(file, read_header(file)) for file in located.files]
    total_bytes = sum(file.stat().st_size for file in located.files)
    return opened_headers(path, located, headers, total_bytes, SafetensorsSource)


def opened_headers(
    path: Path,
    located: Located,
    headers: Sequence[tuple[Path, Header]],
    total_bytes: int,
    source: Callable[[dict[str, StoredTensor]], Source],
) -> Opened:
    """Put together what the headers of one or more files say.

    Args:
        path: what the user named.
        located: its files.
        headers: of each file.
        total_bytes: of all files.
        source: makes the source of the tensors.

    Raises:
        BrokenFileError: the config beside them is no JSON object.
    """
    tensors: dict[str, StoredTensor] = {}
    findings = list(located.findings)
    metadata: dict[str, str] = {}
    for file, header in headers:
        metadata |= header.metadata
        findings += header.findings
        findings += [
            Finding("warning", "twice", printable(tensor.name), f"stands in {printable(str(file))} a second time")
            for tensor in header.tensors
            if tensor.name in tensors
        ]
        tensors |= {tensor.name: tensor for tensor in header.tensors}
    findings += index_findings(located, tensors)
    settings, place = settings_beside(located)
    if settings is None and CONFIG_KEY in metadata:
        settings, place = _own_settings(metadata[CONFIG_KEY], located, findings)
    return Opened(
        path=path,
        files=located.files,
        kind="safetensors",
        source=source(tensors),
        settings=settings,
        settings_place=place,
        total_bytes=total_bytes,
        findings=findings,
    )


def settings_beside(located: Located) -> tuple[dict[str, object] | None, str]:
    """Return the ``config.json`` that belongs to the files, with its place, if there is one.

    Raises:
        BrokenFileError: it is no JSON object.
    """
    if located.config is None:
        return None, ""
    return read_json(located.config), printable(str(located.config))


def end_of_text_ids(located: Located) -> frozenset[int]:
    """Return the ids at which the checkpoint's own program stops generating, as Hugging Face's configs say them."""
    for file in (located.generation, located.config):
        if file is None:
            continue
        try:
            said = read_json(file).get(_END_OF_TEXT)
        except (BrokenFileError, OSError):
            continue
        if said is not None:
            return frozenset(i for i in (said if isinstance(said, list) else [said]) if isinstance(i, int))
    return frozenset()


def index_findings(located: Located, tensors: dict[str, StoredTensor]) -> list[Finding]:
    """Compare an index of shards with the tensors in the shards."""
    present = {file.name for file in located.files}
    findings = []
    for name, file in located.names.items():
        if file in present and name not in tensors:
            message = f"the index places it in {printable(file)}, which does not hold it"
            findings.append(Finding("error", "missing", printable(name), message))
    return findings


def _own_settings(text: str, located: Located, findings: list[Finding]) -> tuple[dict[str, object] | None, str]:
    import msgspec

    place = f"metadata of {printable(str(located.files[0]))}"
    try:
        return msgspec.json.decode(text, type=dict[str, object]), place
    except msgspec.DecodeError as error:
        findings.append(Finding("warning", "bad-config", CONFIG_KEY, f"{place}: its config cannot be read: {error}"))
        return None, ""


def name_of(path: Path) -> str:
    """Return what to call a checkpoint's model: the file's stem, or the directory's name.

    A file that its program gives the same name for every model, such as ``model.safetensors``, is called after the
    directory that the path names; where it names none, after itself all the same: where somebody stands says nothing.
    """
    if path.is_file():
        if path.name not in _NAMES_OF_ALL or path.parent.name in ("", ".."):
            return model_name(path.stem)
        path = path.parent
    if path.parent.name == "snapshots":  # of the Hub's cache: models--ORGANISATION--NAME/snapshots/REVISION
        return model_name(path.parent.parent.name.rpartition("--")[2])
    return model_name(path.resolve().name)


# Of transformers and of nanoGPT.
_NAMES_OF_ALL = (*WHOLE, *SHARDED, "ckpt.pt")
