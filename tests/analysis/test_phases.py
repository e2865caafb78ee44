"""Not only the highest reading: that of every phase, and the live total whenever a tensor is made."""

from typing import Any

import pytest
from msgspec.structs import replace

from gptcli.analysis import passes
from gptcli.analysis.passes import BACKWARD, FORWARD, LOSS, swept
from gptcli.analysis.sweep import Memory
from gptcli.analysis.workload import Workload
from gptcli.api.figures import measured_run
from gptcli.architecture import describe
from gptcli.architecture.books import Amount
from gptcli.config import ModelConfig
from gptcli.model.measure import training_step
from tests.analysis.tensors import readings_of_a_step
from tests.analysis.test_passes import random_case


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "fake"), [(n, False) for n in range(700, 725)] + [(n, True) for n in range(900, 905)])
def test_every_phase_is_measured_to_the_byte(seed: int, fake: bool) -> None:
    config, options = random_case(seed)
    options = replace(options, mode="training")
    assert (
        swept(describe(config), options).phases
        == training_step(describe(config), measured_run(options, fake=fake)).phases
    )


class Noting(Memory):
    """Books that note the live total at every allocation, by phase."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.readings: dict[str, list[int]] = {}

    def allocate(self, amount: Amount) -> Any:
        buffer = super().allocate(amount)
        self.readings.setdefault(self._phase, []).append(self.live)
        return buffer


def swept_case(seed: int) -> tuple[ModelConfig, Workload]:
    """A step whose every block is swept: over three the books multiply. With one token more is a view than they say."""
    config, options = random_case(seed)
    options = replace(options, mode="training", tokens=max(2, options.tokens), optimizer="sgd")
    return replace(config, n_layers=1 + seed % 3), options


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(800, 900))
def test_every_reading_is_measured_to_the_byte(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor of another size, one too many, one that goes too early or too late: each is seen wherever it lives."""
    config, options = swept_case(seed)
    monkeypatch.setattr(passes, "Memory", Noting)
    memory, measured = swept(describe(config), options), readings_of_a_step(config, options)
    assert isinstance(memory, Noting)
    # The first two, tokens looked up and positions counted, come in the other order.
    assert memory.readings[FORWARD][1:] == measured[FORWARD][1:]
    assert memory.readings[LOSS] == measured[LOSS]
    assert memory.readings[BACKWARD] == measured[BACKWARD]
