"""Gradients that are added up over micro-batches: measured to the byte."""

import pytest
from msgspec.structs import replace

from gptcli.analysis.memory import ledger
from gptcli.analysis.passes import swept
from gptcli.analysis.workload import Workload
from gptcli.api.figures import measured_run
from gptcli.architecture import describe
from gptcli.config import ModelConfig
from gptcli.model.measure import training_step
from tests.analysis.test_passes import random_case

V, C = 300, 32
CONFIG = ModelConfig(vocab_size=V, context_length=16, emb_dim=C, n_heads=2, n_layers=3)
STEP = Workload(batch=2, tokens=8, mode="training", optimizer="sgd")


@pytest.mark.parametrize("fake", [False, True], ids=["real", "fake"])
@pytest.mark.parametrize("accumulate", [2, 3])
@pytest.mark.parametrize("seed", range(2000, 2008))
def test_micro_batches_are_measured_to_the_byte(seed: int, accumulate: int, fake: bool) -> None:
    config, options = random_case(seed)
    options = replace(options, mode="training", accumulate=accumulate, free_logits=seed % 3 == 0)
    memory = swept(describe(config), options)
    measured = training_step(describe(config), measured_run(options, fake=fake))
    assert (memory.peak, memory.phases) == (measured.peak, measured.phases)
    assert sum(line.bytes for line in ledger(memory)) == measured.peak


def test_the_second_forward_pass_finds_gradients_logits_and_loss() -> None:
    once, twice = (swept(describe(CONFIG), replace(STEP, accumulate=n)).phases for n in (1, 2))
    block = 3 * C * C + C * C + C + 4 * C * C + 4 * C + 4 * C * C + C + 4 * C  # matrices, biases, two norms
    parameters = 2 * V * C + 16 * C + 3 * block + 2 * C
    logits, loss = 4 * 2 * 8 * V, 4
    assert twice["forward"] - once["forward"] == 4 * parameters + logits + loss


def test_more_micro_batches_find_what_the_second_finds() -> None:
    two, many = (swept(describe(CONFIG), replace(STEP, accumulate=n)) for n in (2, 1000))
    assert (two.peak, two.phases, ledger(two)) == (many.peak, many.phases, ledger(many))
