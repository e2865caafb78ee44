"""What people have to know of an optimizer to read its figures."""

from gptcli.reports.run import RunReport

_TORCH = "torch"
_NOTES = {
    "muon": "Muon takes the matrices of the layers; embeddings, output head, biases and norms go to AdamW.",
    "adamw8bit": "AdamW8bit keeps the state of embeddings, and of tensors under 4,096 numbers, in fp32.",
}


def optimizer_notes(report: RunReport) -> list[str]:
    """Return what an optimizer does not take, and whether its figures are measured; nothing where none steps."""
    if report.optimizer is None or report.optimizer_package is None:
        return []
    notes = [_NOTES[report.optimizer]] if report.optimizer in _NOTES else []
    if report.optimizer_package != _TORCH:
        notes.append(
            f"Its step is that of {report.optimizer_package}, estimated from its source, not measured; "
            "'gptcli verify' measures it where that is installed."
        )
    return notes
