"""The books of what the families' own data do not have: odd heads with ALiBi, Falcon's rounded slopes, layers without
positions that have a window, rotation that is stretched in some layers or in some way.
"""

import pytest

from gptcli.analysis.workload import Workload
from gptcli.api.figures import checks
from gptcli.architecture import AttentionPath, describe
from tests.model.families import DENSE, EXPERTS, SCALINGS, Family

OWN = {
    *("bloom-6", "falcon-alibi", "llama-biases", "smollm3-window", "gemma3-local-stretched", "llama4-chunks-unplaced"),
    *(family.name for family in SCALINGS),
}
VARIANTS = [family for family in (*DENSE, *EXPERTS, *SCALINGS) if family.name in OWN]


def test_every_variant_is_here() -> None:
    assert {family.name for family in VARIANTS} == OWN


@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
@pytest.mark.parametrize("family", VARIANTS, ids=lambda family: family.name)
def test_every_figure_of_verify_is_exact(family: Family, attention: AttentionPath) -> None:
    """24 tokens: over every window, every chunk and the lengths before stretching."""
    inference = Workload(batch=2, tokens=24, attention=attention)
    training = Workload(mode="training", batch=2, tokens=24, attention=attention, optimizer="sgd")
    found = list(checks(describe(family.config(), attention), inference, training, fake=True))
    assert [(each.name, each.estimated, each.measured) for each in found if each.estimated != each.measured] == []
