"""The figures of `gptcli verify` that come from a network built without the description."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gptcli.analysis.params import count_parameters
from gptcli.api.figures import check
from gptcli.architecture import AttentionPath, Network
from gptcli.config import ModelConfig
from gptcli.reports.verify import Check, WitnessUsed

if TYPE_CHECKING:
    from gptcli.model.witness import Witness

WITNESS_CHECKS = 4


def witness_checks(network: Network, attention: AttentionPath, witness: "Witness") -> Iterator[Check]:
    """Compare the described network with the witness, one figure after the other.

    Args:
        network: the described model.
        attention: the path on which our logits are computed; dropout is compared on the explicit one.
        witness: what stands beside it.
    """
    from gptcli.model import witnessed

    parameters, weights = witnessed.parameters_and_weights(network, witness)
    yield check("witness: parameters", count_parameters(network), parameters, "parameters")
    yield check("witness: weights", weights.compared, weights.agree, "weights")
    runs, described = witnessed.logits(network, attention, witness)
    yield check("witness: logits", runs.compared, runs.agree, "logits")
    yield check("witness: steps' logits", described.compared, described.agree, "logits")


def witness_used(config: ModelConfig, witness: "Witness") -> WitnessUsed:
    """Name the witness, and the sizes at which its logits were compared."""
    from gptcli.model import witnessed

    return WitnessUsed(
        name=witness.name,
        source=witness.source,
        logits_config=witnessed.small(config),
        logits_shape=witnessed.small_shape(config),
    )
