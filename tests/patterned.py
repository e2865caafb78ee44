"""Networks whose layers are of several kinds, in a pattern: what no config can say yet is said by a plan."""

import pytest
from msgspec.structs import replace

from gptcli.architecture import AttentionPath, Network
from gptcli.architecture.plan import LayerPlan, Plan, build, plan_of
from gptcli.config import ModelConfig, load_config
from gptcli.reports.block import Block

NARROW = 40  # F of the second kind of layer, where the first has 4C
SMALL = "AABAAB"
LONG = "AAAAAB" * 10 + "AA"  # 62 layers in 21 runs


def plan_in_order(config: ModelConfig, order: str) -> Plan:
    """Return a plan with a layer for each letter: A is the config's own, B narrower with another GELU, C biasless."""
    own = plan_of(config).final
    layers: dict[str, LayerPlan] = {
        "A": own,
        "B": replace(own, sizes=(("F", NARROW),), exact_gelu=True),
        "C": replace(own, bias=False, norm_bias=False),
    }
    deep = replace(config, n_layers=len(order))
    return replace(plan_of(deep), runs=((tuple((layers[letter], 1) for letter in order), 1),))


def patterned(
    order: str = SMALL, *, attention: AttentionPath = "explicit", config: ModelConfig | None = None
) -> Network:
    """Return the network of layers in an order."""
    return build(plan_in_order(config or load_config("tiny", environ={}).config, order), attention)


def patterned_runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the command line have layers in a pattern, which no config can ask for, and return the options for it."""

    def plan(config: ModelConfig) -> Plan:
        return plan_in_order(config, SMALL) if config.name == "patterned" else plan_of(config)

    monkeypatch.setattr("gptcli.architecture.plan.plan_of", plan)
    return ["--set", "name=patterned", "--set", f"n_layers={len(SMALL)}"]


def runs_of(order: str) -> list[Block]:
    """Return the runs of equal layers as a report lists them."""
    found: list[Block] = []
    for number, letter in enumerate(order):
        path = f"h.{{{order.index(letter)},...}}" if len(set(order)) > 1 else "h.{i}"
        if found and found[-1].path == path:
            found[-1] = replace(found[-1], times=found[-1].times + 1)
        else:
            found.append(Block(number, 1, path, "Transformer block"))
    return found
