"""Not only the highest reading: every phase of a step, and every tensor that it allocates."""

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from gptcli.analysis import step
from gptcli.analysis.step import BACKWARD, FORWARD, LOSS, sweep_step
from gptcli.analysis.sweep import Memory
from gptcli.architecture.kernels import Amount
from tests.analysis.tensors import watched_step
from tests.analysis.test_step import random_case


class _Noting(Memory):
    """Books that note every allocation by its phase."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.allocated: dict[str, Counter[int]] = {}

    def allocate(self, amount: Amount) -> Any:
        self.allocated.setdefault(self._phase, Counter())[self.bytes_of(amount)] += 1
        return super().allocate(amount)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the books note every allocation."""
    monkeypatch.setattr(step, "Memory", _Noting)


@pytest.mark.usefixtures("noted")
@pytest.mark.parametrize("seed", range(700, 780))
def test_every_phase_is_measured_to_the_byte(seed: int) -> None:
    config, options = random_case(seed)
    options = replace(options, mode="training")
    assert sweep_step(config, options).phases == watched_step(config, options).peaks


@pytest.mark.usefixtures("noted")
@pytest.mark.parametrize("seed", range(800, 880))
def test_every_tensor_is_allocated(seed: int) -> None:
    """By size and phase; a wrong one is seen wherever it lives, at the peak or not.

    With one token more is a view than the rules say, of tensors too small to be in a peak; over four layers the books
    multiply instead of sweeping.
    """
    config, options = random_case(seed)
    config = replace(config, n_layers=1 + seed % 4)
    options = replace(options, mode="training", tokens=max(2, options.tokens))
    memory, watched = sweep_step(config, options), watched_step(config, options)
    assert isinstance(memory, _Noting)
    for phase in (FORWARD, LOSS, BACKWARD):
        assert memory.allocated[phase] == watched.allocated[phase]
