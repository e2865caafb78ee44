"""What ran, where, for how long, whose weights, and what was written."""

from typing import NamedTuple

from rich.console import RenderableType
from rich.text import Text

from gptcli.checkpoints.layouts import label_of
from gptcli.config.printable import printable
from gptcli.render.layout import pairs
from gptcli.render.model_line import attention_words
from gptcli.render.styles import PATH, QUIET, TOTAL
from gptcli.render.units import binary, count, seconds
from gptcli.reports.forward import ForwardReport
from gptcli.reports.weights_file import WeightsFile


class Written(NamedTuple):
    """A file that was written: its name as it was given, and its bytes."""

    path: str
    bytes: int


def run_facts(report: ForwardReport, saved: Written | None, page: Written | None = None) -> list[RenderableType]:
    """Return what ran, where, for how long, and whose weights."""
    device = f"{report.device} ({report.device_name})" if report.device_name else report.device
    rows: list[tuple[Text | str, Text | str]] = []
    rows.append(("parameters", Text.assemble((count(report.parameters), TOTAL), f"  {binary(report.weights_bytes)}")))
    rows.append(("device", f"{device}, {report.dtype}, {attention_words(report.attention)}"))
    rows.append(("time", f"{seconds(report.build_seconds)} to build, {seconds(report.forward_seconds)} to run"))
    if report.dropout:
        rows.append(("dropout", f"on, as in training; {_masks(report)}"))
    rows += [(what, written_line(file)) for what, file in (("saved", saved), ("page", page)) if file is not None]
    return [pairs(rows), "", weights_line(report.weights, report.seed, "every guess is chance")]


def written_line(file: Written) -> Text:
    """Say what a written file is called and how large it is."""
    return Text.assemble((printable(file.path), PATH), f"  {binary(file.bytes)}")


def weights_line(weights: WeightsFile | None, seed: int, consequence: str) -> Text:
    """Say where the weights are from; of random ones, what follows until a model is trained."""
    if weights is None:
        return Text(f"Weights are random (seed {seed}): until a model is trained, {consequence}.", style=QUIET)
    layout = label_of(weights.layout)
    return Text.assemble(("Weights of ", QUIET), (weights.path, PATH), (f", {layout}, {weights.format}", QUIET))


def _masks(report: ForwardReport) -> str:
    if (report.device, report.dtype, report.init) == ("cpu", "fp32", "torch"):
        return "the masks of a plain PyTorch network"
    return "masks differ from a plain PyTorch network's"
