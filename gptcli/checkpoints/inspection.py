"""A checkpoint reported: what it holds, and everything that is wrong with it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from gptcli.checkpoints.diagnose import limited
from gptcli.checkpoints.recognition import Recognised
from gptcli.checkpoints.stored import COMMON_NAMES, StoredTensor
from gptcli.config.printable import printable
from gptcli.reports.checkpoint import CheckpointReport, TensorStats
from gptcli.reports.finding import Finding

Counted = Callable[[Iterable[StoredTensor], int], Iterable[StoredTensor]]


def inspect(
    recognised: Recognised,
    *,
    stats: bool = False,
    other: Recognised | None = None,
    counted: Counted = lambda tensors, _total: tensors,
) -> CheckpointReport:
    """Read the data as far as asked, if they are here, and report.

    Args:
        recognised: the checkpoint.
        stats: read every number and report each tensor's statistics; else large files are sampled.
        other: a checkpoint to compare with, or None.
        counted: passes tensors on, with their amount known, to show progress.

    Raises:
        OSError: a file cannot be read.
    """
    if recognised.opened.headers_only:
        return _report(recognised, list(recognised.findings), None, 0)
    from gptcli.checkpoints.content import Summary, content_findings, read_whole, stats_of, summarise

    opened, matched = recognised.opened, recognised.matched
    source, tensors = opened.source, list(opened.source.tensors.values())
    whole = stats or read_whole(source, tensors)
    summaries: dict[str, Summary] = {}
    table: list[TensorStats] = []
    for tensor in counted(tensors, len(tensors)):
        summary = summarise(source, tensor, whole=whole, moments=stats)
        summaries[tensor.name] = summary
        if stats:
            table.append(stats_of(tensor, summary))
    findings = list(recognised.findings)
    if matched is not None:
        findings += _grouped(content_findings(matched, recognised.config, source, summaries))
        if other is not None:
            from gptcli.checkpoints.against import against_findings

            findings += _grouped(against_findings(recognised, other))
    return _report(recognised, findings, table if stats else None, _bytes_read(tensors, summaries))


def _grouped(findings: list[Finding]) -> list[Finding]:
    kinds = dict.fromkeys(finding.kind for finding in findings)
    return [each for kind in kinds for each in limited([f for f in findings if f.kind == kind], kind)]


def _bytes_read(tensors: list[StoredTensor], summaries: Mapping[str, object]) -> int:
    return sum(
        tensor.nbytes * getattr(summaries[tensor.name], "read", 0) // tensor.numbers
        for tensor in tensors
        if tensor.numbers
    )


def _report(
    recognised: Recognised, findings: list[Finding], stats: list[TensorStats] | None, read_bytes: int
) -> CheckpointReport:
    opened, matched = recognised.opened, recognised.matched
    tensors = opened.source.tensors.values()
    buffers = matched.buffers if matched else []
    skipped = {t.name for t in buffers}
    if matched is not None:
        skipped |= {t.name for left in matched.left_out.values() for t in left}
        skipped |= {part.tensor.name for part in matched.parts() if part.place.buffer}
    weights = [t for t in tensors if t.name not in skipped]
    order = {"error": 0, "warning": 1, "note": 2}
    return CheckpointReport(
        config=recognised.config,
        path=printable(str(opened.path)),
        layout=matched.layout.name if matched else None,
        transposed=matched.layout.transposed if matched else None,
        format=opened.kind,
        files=[printable(str(file)) for file in opened.files],
        config_source=recognised.config_source,
        dtypes=dict(Counter(COMMON_NAMES.get(t.dtype, t.dtype) for t in weights)),
        tensors=len(tensors),
        parameters=sum(t.numbers for t in weights) - recognised.counted_twice(),
        weights_bytes=sum(t.nbytes for t in weights),
        buffer_bytes=sum(t.nbytes for t in buffers),
        total_bytes=opened.total_bytes,
        read_bytes=read_bytes,
        headers_only=opened.headers_only,
        findings=sorted(findings, key=lambda finding: order[finding.severity]),
        stats=stats,
        ok=not any(finding.severity == "error" for finding in findings),
    )


def broken_report(path: Path, finding: Finding) -> CheckpointReport:
    """Report a file that is no checkpoint, or of which nothing can be read."""
    return CheckpointReport(
        path=printable(str(path)),
        layout=None,
        transposed=None,
        format=None,
        files=[],
        config_source=None,
        dtypes={},
        tensors=0,
        parameters=0,
        weights_bytes=0,
        buffer_bytes=0,
        total_bytes=0,
        read_bytes=0,
        findings=[finding],
        ok=False,
    )
