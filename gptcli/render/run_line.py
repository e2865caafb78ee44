"""What runs, in one line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gptcli.render.model_line import attention_words

if TYPE_CHECKING:
    from gptcli.reports.fit import FitReport
    from gptcli.reports.memory import MemoryReport


def run_line(report: "MemoryReport | FitReport", more: Sequence[str] = ()) -> str:
    """Return size, format, optimizer, and whatever ``more`` there is; the way through attention last."""
    facts = [f"{_micro_batches(report.accumulate)}{report.batch_size} x {report.seq_len} tokens"]
    facts.append("autocast to bf16" if report.amp else f"{report.activation_dtype} activations")
    if report.mode == "training":
        facts += [f"{report.optimizer} ({report.optimizer_impl})"]
        facts += ["blocks recomputed"] if report.recompute == "block" else []
        facts += _adapters(report)
        facts += ["logits freed after the loss"] if report.free_logits else []
    facts += more
    facts.append(f"{attention_words(report.attention)} on {report.device}")
    return ", ".join(facts)


def _micro_batches(accumulate: int | None) -> str:
    return f"{accumulate} micro-batches of " if accumulate is not None and accumulate > 1 else ""


def _adapters(report: "MemoryReport | FitReport") -> list[str]:
    if report.lora_rank is None:
        return []
    return [f"adapters of rank {report.lora_rank} on {' and '.join(report.lora_targets or [])}"]
