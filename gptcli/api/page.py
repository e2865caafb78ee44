"""What the page shows beside the steps."""

from typing import TYPE_CHECKING

from gptcli.analysis.memory import memory_report
from gptcli.analysis.workload import Workload
from gptcli.api.runs import on_this_processor
from gptcli.architecture import Network, attention_path
from gptcli.reports.flow import FlowReport
from gptcli.reports.trace import TraceReport

if TYPE_CHECKING:
    from gptcli.render.page.document import Studies


def studies(network: Network, report: FlowReport | TraceReport) -> "Studies":
    """Return the memory of the pass that a report is about, and of a training step of the same size."""
    from gptcli.render.page.document import Studies

    attention = attention_path(report.attention)
    sizes = {"batch": report.batch_size, "tokens": report.seq_len}
    run, training = (
        Workload(**sizes, mode=mode, dtype=report.dtype, attention=attention)  # type: ignore[arg-type]
        for mode in ("inference", "training")
    )
    run = on_this_processor(run)
    return Studies(memory_report(network, run), memory_report(network, training))
