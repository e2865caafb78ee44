"""What runs is said in the same keys, of the same types, by every report that says it."""

import pytest

from gptcli.analysis.run_facts import run_facts
from gptcli.analysis.workload import Workload
from gptcli.reports.fit import FitReport
from gptcli.reports.memory import MemoryReport
from gptcli.reports.report import Report
from gptcli.reports.verify import VerifyReport

TRAINING = Workload(tokens=8, batch=2, mode="training", amp=True, device="cuda", free_logits=True)


def test_both_reports_of_a_peak_say_all_of_the_run_and_alike() -> None:
    facts = run_facts(TRAINING, MemoryReport)
    assert facts == run_facts(TRAINING, FitReport)
    assert facts == {
        "mode": "training",
        "dtype": "fp32",
        "activation_dtype": "bf16",
        "kv_dtype": None,
        "amp": True,
        "batch_size": 2,
        "seq_len": 8,
        "attention": "sdpa",
        "device": "cuda",
        "optimizer": "adamw",
        "optimizer_impl": "foreach",
        "optimizer_package": "torch",
        "recompute": "none",
        "free_logits": True,
        "accumulate": 1,
    }


@pytest.mark.parametrize("mode", ["inference", "generate"])
def test_what_only_a_training_step_has_is_null_elsewhere(mode: str) -> None:
    facts = run_facts(Workload(tokens=8, mode=mode, optimizer="sgd"), MemoryReport)  # type: ignore[arg-type]
    without_cache = {"kv_dtype"} if mode == "inference" else set()
    assert {key for key, value in facts.items() if value is None} == {
        "optimizer", "optimizer_impl", "optimizer_package", "recompute", "free_logits", "accumulate", *without_cache,
    }  # fmt: skip


def test_a_report_gets_no_key_that_it_does_not_declare() -> None:
    assert run_facts(TRAINING, VerifyReport).keys() == {"device", "dtype", "batch_size", "seq_len", "attention"}
    assert run_facts(TRAINING, Report) == {}
