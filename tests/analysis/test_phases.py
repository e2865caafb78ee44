"""Not only the highest reading: every phase of a step, and every tensor that it allocates."""

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from gptcli.analysis import step
from gptcli.analysis.step import BACKWARD, FORWARD, LOSS, sweep_step
from gptcli.analysis.sweep import Memory
from gptcli.architecture.kernels import Amount
from gptcli.commands._verify import measured_run
from gptcli.model.measure import training_step
from tests.analysis.tensors import allocated_in_a_step
from tests.analysis.test_step import random_case


@pytest.mark.parametrize(("seed", "fake"), [(n, False) for n in range(700, 780)] + [(n, True) for n in range(900, 915)])
def test_every_phase_is_measured_to_the_byte(seed: int, fake: bool) -> None:
    config, options = random_case(seed)
    options = replace(options, mode="training")
    assert sweep_step(config, options).phases == training_step(config, measured_run(options, fake=fake)).phases


class _Noting(Memory):
    """Books that note every allocation by its phase."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.allocated: dict[str, Counter[int]] = {}

    def allocate(self, amount: Amount) -> Any:
        self.allocated.setdefault(self._phase, Counter())[self.bytes_of(amount)] += 1
        return super().allocate(amount)


@pytest.mark.parametrize("seed", range(800, 880))
def test_every_tensor_is_allocated(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By size and phase; a wrong one is seen wherever it lives, at the peak or not.

    With one token more is a view than the rules say, of tensors too small to be in a peak; over four layers the books
    multiply instead of sweeping.
    """
    config, options = random_case(seed)
    config = replace(config, n_layers=1 + seed % 4)
    options = replace(options, mode="training", tokens=max(2, options.tokens))
    monkeypatch.setattr(step, "Memory", _Noting)
    memory, allocated = sweep_step(config, options), allocated_in_a_step(config, options)
    assert isinstance(memory, _Noting)
    for phase in (FORWARD, LOSS, BACKWARD):
        assert memory.allocated[phase] == allocated[phase]
