"""A GGUF file reported: what its header says, and what of it cannot be true."""

from collections import defaultdict
from pathlib import Path

from gptcli.checkpoints.diagnose import limited
from gptcli.checkpoints.gguf_file import Entry, GgufHeader, read_gguf_header
from gptcli.checkpoints.gguf_values import Value
from gptcli.config.printable import printable
from gptcli.reports.checkpoint import CheckpointReport, GgufFacts, TypeRow
from gptcli.reports.finding import Finding

LAYOUT = "gguf"
LABEL = "GGUF (llama.cpp)"
# What llama.cpp's converter adds to a model's weights: factors of the rotation, worked out from its config.
_BUFFERS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
_LONGEST = 200  # characters of a name


def inspect_gguf(path: Path, file: Path) -> CheckpointReport:
    """Report what the header of a file says; no number is read.

    Args:
        path: what the user named.
        file: that file, or the one in the directory they named.

    Raises:
        BrokenFileError: there is no header to read.
        OSError: the file cannot be read.
    """
    header = read_gguf_header(file)
    weights = [tensor for tensor in header.tensors if tensor.name not in _BUFFERS]
    buffers = [tensor for tensor in header.tensors if tensor.name in _BUFFERS]
    findings = [*_grouped(header.findings), *_notes(header, printable(str(file)))]
    return CheckpointReport(
        path=printable(str(path)),
        layout=LAYOUT,
        transposed=False,
        format=LAYOUT,
        files=[printable(str(file))],
        config_source=None,
        dtypes={row.type: row.tensors for row in _types(weights)},
        tensors=len(header.tensors),
        parameters=sum(tensor.numbers for tensor in weights),
        weights_bytes=sum(tensor.nbytes for tensor in weights),
        buffer_bytes=sum(tensor.nbytes for tensor in buffers),
        total_bytes=file.stat().st_size,
        read_bytes=0,
        findings=findings,
        gguf=GgufFacts(
            version=header.version,
            byte_order=header.byte_order,
            alignment=header.alignment,
            architecture=_text(header, "general.architecture"),
            name=_text(header, "general.name"),
            file_type=_whole(header.metadata.get("general.file_type")),
            keys=len(header.metadata),
            types=_types(header.tensors),
        ),
        ok=not any(finding.severity == "error" for finding in findings),
    )


def _types(tensors: list[Entry]) -> list[TypeRow]:
    """Return the types of tensors, that with the most bytes first."""
    of_type: dict[str, list[Entry]] = defaultdict(list)
    for tensor in tensors:
        of_type[f"type {tensor.type_id}" if tensor.type is None else tensor.type.name].append(tensor)
    rows = [
        TypeRow(name, len(those), sum(each.numbers for each in those), sum(each.nbytes for each in those))
        for name, those in of_type.items()
    ]
    return sorted(rows, key=lambda row: -row.bytes)


def _text(header: GgufHeader, key: str) -> str | None:
    found = header.metadata.get(key)
    return printable(found[:_LONGEST]) if isinstance(found, str) else None


def _whole(value: Value | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _grouped(findings: list[Finding]) -> list[Finding]:
    kinds = dict.fromkeys(finding.kind for finding in findings)
    grouped = [each for kind in kinds for each in limited([f for f in findings if f.kind == kind], kind)]
    return sorted(grouped, key=lambda finding: finding.severity)  # errors before warnings


def _notes(header: GgufHeader, place: str) -> list[Finding]:
    notes = []
    parts = _whole(header.metadata.get("split.count"))
    if parts is not None and parts > 1:
        number = _whole(header.metadata.get("split.no"))
        which = "one" if number is None else f"number {number + 1:,}"
        notes.append(Finding("note", "split", place, f"is {which} of {parts:,} files; the others are not looked at"))
    if not header.tensors:
        notes.append(Finding("note", "no-tensors", place, "holds no tensors: a vocabulary, or settings alone"))
    if header.byte_order == "big":
        notes.append(Finding("note", "byte-order", place, "is big-endian, for machines of that order alone"))
    return notes
