"""Parameters: the sum of the described weights."""

from math import prod

from msgspec.structs import replace

from gptcli.architecture import Dim, Network, Sizes, describe, each_weight, shape_sizes, size, sizes_of, weights
from gptcli.architecture.listing import INDEX
from gptcli.architecture.network import Group, Node, Repeat
from gptcli.architecture.operations import Linear, Operation
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
        parts=_parts(network, "", None, sizes),
        weights=_listed(network, sizes) if list_weights else None,
    )


def _listed(network: Network, sizes: Sizes) -> list[WeightRow]:
    length = sum(size(weight.times, sizes) if weight.times else 1 for weight in weights(network))
    if length > MAX_LISTED:
        raise InputError(
            f"n_layers {network.config.n_layers:,} makes {length:,} weights, more than the {MAX_LISTED:,} that --json "
            "lists; leave --json out, or use fewer layers"
        )
    return [
        WeightRow(weight.path, shape_sizes(weight.shape, sizes), weight.count(sizes), weight.tied_to)
        for weight in each_weight(network, sizes)
    ]


def _parts(group: Group | Network, path: str, times: Dim | None, sizes: Sizes) -> list[Part]:
    children = (_part(child, f"{path}.{name}" if path else name, times, sizes) for name, child in group.children())
    return [part for part in children if part.parts or part.shapes]


def _part(node: Node, path: str, times: Dim | None, sizes: Sizes) -> Part:
    if isinstance(node, Repeat):
        return _part(node.body, f"{path}.{INDEX}", node.times, sizes)
    many = size(times, sizes) if times else 1
    if isinstance(node, Group):
        parts = _parts(node, path, times, sizes)
        return Part(path, node.label, {}, sum(part.count for part in parts), many, None, parts)
    return _own_weights(node, path, many, sizes)


def _own_weights(operation: Operation, path: str, times: int, sizes: Sizes) -> Part:
    tied_to = operation.tied_to if isinstance(operation, Linear) else None
    shapes = {name: shape_sizes(shape, sizes) for name, shape in operation.weights().items()}
    count = 0 if tied_to else sum(prod(shape) for shape in shapes.values())
    return Part(path, operation.label, shapes, count, times, tied_to, [])
