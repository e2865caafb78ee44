"""The instruments: the profiler's record, and the tracker held against it."""

import gc

import pytest
import torch
from msgspec.structs import replace
from torch.nn import functional as F

from gptcli.analysis.passes import swept
from gptcli.analysis.workload import Workload
from gptcli.api.figures import measured_run
from gptcli.architecture import describe
from gptcli.config import ModelConfig
from gptcli.model.measure import training_step
from gptcli.model.profiled import recorded
from tests.analysis.test_passes import random_case


def _amp_tied(seed: int) -> tuple[ModelConfig, Workload]:
    config, options = random_case(seed)
    return replace(config, weight_tying=True), replace(options, mode="training", dtype="fp32", amp=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_a_tied_step_under_autocast_takes_what_the_profiler_says(seed: int) -> None:
    """The tracker would say otherwise if it let the engine see that somebody looks."""
    config, options = _amp_tied(seed)
    memory = swept(describe(config), options)
    real, fake = (training_step(describe(config), measured_run(options, fake=fake)) for fake in (False, True))
    assert memory.peak == real.peak == fake.peak
    assert memory.phases == real.phases == fake.phases
    assert real.scratch >= fake.scratch == 0


def _raw_peak(call: object) -> int:
    """Return the peak of all that the allocator was asked for, as torch's profiler lists it."""
    assert callable(call)
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profiler:
        call()
    live = peak = 0
    assert profiler.profiler is not None
    assert profiler.profiler.kineto_results is not None
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            live += event.nbytes()
            peak = max(peak, live)
    return peak


def test_scratch_and_the_rest_are_all_that_was_allocated() -> None:
    def work() -> None:
        x = torch.zeros(2, 3, 4, requires_grad=True)
        F.layer_norm(F.gelu(x @ torch.zeros(4, 4)), (4,)).sum().backward()

    work()
    expected = _raw_peak(work)
    with recorded() as recording:
        work()
    assert recording.peak(0, scratch=True) == expected
    assert sum(change.bytes for change in recording.changes) == 0


def test_what_a_composite_operation_makes_is_no_scratch() -> None:
    """``addmm`` runs as a whole, ``einsum`` only calls others: what lies between them lives in the program's memory."""
    a, b = torch.zeros(2, 3, 4), torch.zeros(4, 2, 5)
    with recorded() as recording:
        torch.einsum("abc,cad->bd", a, b)
    assert recording.peak(0) == recording.peak(0, scratch=True) > 4 * 3 * 5


def test_phases_are_read_between_marks() -> None:
    with recorded() as recording:
        before = torch.zeros(100)
        recording.mark("first")
        held = torch.zeros(50)
        del before
        recording.mark("second")
        torch.zeros(10)
        del held
    assert recording.phases(1000) == {"first": 1600, "second": 1240}


def test_what_earlier_code_left_is_none_of_the_recording() -> None:
    """A reference cycle is given back whenever the collector comes; an optimizer is one."""

    def leave_a_cycle() -> None:
        cycle: list[object] = [torch.zeros(1000)]
        cycle.append(cycle)

    gc.disable()
    try:
        leave_a_cycle()
        held = [torch.zeros(500)]
        with recorded() as recording:
            gc.collect()
            held.clear()  # not taken here, so not given back here
            torch.zeros(100)
    finally:
        gc.enable()
    assert [change.bytes for change in recording.changes] == [400, -400]
