"""Parameters: the sum of the described weights."""

from collections.abc import Iterable, Iterator
from math import prod

from msgspec.structs import replace

from gptcli.architecture import (
    Group,
    Network,
    Sizes,
    Stack,
    describe,
    each_weight,
    shape_sizes,
    sizes_of,
    weights,
)
from gptcli.architecture import Part as Step
from gptcli.architecture.listing import parts_of
from gptcli.architecture.network import Kind, Node, sizes_of_layer
from gptcli.config import ModelConfig
from gptcli.errors import InputError
from gptcli.reports.params import ParamsReport, Part, TiedTotals, WeightRow

MAX_LISTED = 2_000_000  # weights; a document of 200 MB is more than any reader of it wants


def count_parameters(config: ModelConfig) -> int:
    """Return how many parameters the network of a config has; shared ones count once."""
    sizes = sizes_of(config)
    return sum(weight.total(sizes) for weight in weights(describe(config)))


def count_tied_and_untied(config: ModelConfig) -> TiedTotals:
    """Return the count under both settings of ``weight_tying``, whatever the config says."""
    untied, tied = (count_parameters(with_tying(config, tying)) for tying in (False, True))
    return TiedTotals(untied=untied, tied=tied)


def with_tying(config: ModelConfig, tying: bool) -> ModelConfig:
    """Return the config with ``weight_tying`` set."""
    return replace(config, weight_tying=tying)


def params_report(config: ModelConfig, *, list_weights: bool = False) -> ParamsReport:
    """Count parameters part by part.

    Args:
        config: the model.
        list_weights: list every tensor of every block as well; without it the cost does not depend on the layers.

    Raises:
        InputError: the list would be longer than two million weights.
    """
    network, sizes = describe(config), sizes_of(config)
    return ParamsReport(
        config=config,
        total=count_parameters(config),
        active=count_parameters(config),
        weight_tying=config.weight_tying,
        totals=count_tied_and_untied(config),
        parts=_parts(network.parts, "", None, sizes),
        weights=_listed(network, sizes) if list_weights else None,
    )


def _listed(network: Network, sizes: Sizes) -> list[WeightRow]:
    length = sum(found.amount * len(part.weights()) for found, part in parts_of(network))
    if length > MAX_LISTED:
        raise InputError(
            f"n_layers {network.config.n_layers:,} makes {length:,} weights, more than the {MAX_LISTED:,} that --json "
            "lists; leave --json out, or use fewer layers"
        )
    return [
        WeightRow(weight.path, shape_sizes(weight.shape, sizes), weight.count(sizes), weight.tied_to)
        for weight in each_weight(network, sizes)
    ]


def _parts(nodes: Iterable[tuple[str, Node]], path: str, kind: Kind | None, sizes: Sizes) -> list[Part]:
    parts = (part for name, node in nodes for part in _each(node, f"{path}.{name}" if path else name, kind, sizes))
    return [part for part in parts if part.parts or part.shapes]


def _each(node: Node, path: str, kind: Kind | None, sizes: Sizes) -> Iterator[Part]:
    if isinstance(node, Stack):
        for each in node.kinds():
            yield _group(each.layer.body, f"{path}.{each.index}", each, sizes_of_layer(sizes, each.layer))
    elif isinstance(node, Group):
        yield _group(node, path, kind, sizes)
    else:
        yield _own_weights(node, path, kind, sizes)


def _group(group: Group, path: str, kind: Kind | None, sizes: Sizes) -> Part:
    parts = _parts(group.parts, path, kind, sizes)
    return Part(path, group.label, {}, sum(part.count for part in parts), kind.amount if kind else 1, None, parts)


def _own_weights(part: Step, path: str, kind: Kind | None, sizes: Sizes) -> Part:
    shapes = {name: shape_sizes(shape, sizes) for name, shape in part.weights().items()}
    count = 0 if part.tied_to else sum(prod(shape) for shape in shapes.values())
    return Part(path, part.label, shapes, count, kind.amount if kind else 1, part.tied_to, [])
