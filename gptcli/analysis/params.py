"""Parameters: the sum of the described weights."""

from collections.abc import Iterable, Iterator
from math import prod

from gptcli.architecture import Group, Network, Part, Sizes, Stack, each_weight, shape_sizes, weights
from gptcli.architecture.axes import elements
from gptcli.architecture.listing import parts_of
from gptcli.architecture.network import Kind, Node, sizes_of_layer
from gptcli.architecture.roles import HEAD
from gptcli.errors import InputError
from gptcli.reports.params import ParamsReport, PartRow, TiedTotals, WeightRow

MAX_LISTED = 2_000_000  # weights; a document of 200 MB is more than any reader of it wants


def count_parameters(network: Network) -> int:
    """Return how many parameters the network of a config has; shared ones count once."""
    sizes = network.sizes
    return sum(weight.total(sizes) for weight in weights(network))


def count_active(network: Network) -> int:
    """Return how many parameters one token uses: all but those of the routed experts that it does not visit."""
    return sum(
        elements(part.visited(shape), found.sizes(network.sizes)) * found.amount
        for found, part in parts_of(network)
        for name, shape in part.weights().items()
        if not part.shared(name)
    )


def count_tied_and_untied(network: Network) -> TiedTotals:
    """Return the count with a head of its own and with a tied one, whatever the config says."""
    own = count_parameters(network)
    head = elements(network.part_of(HEAD).weights()["weight"], network.sizes)
    untied = own + head if network.part_of(HEAD).tied_to else own
    return TiedTotals(untied=untied, tied=untied - head)


def params_report(network: Network, *, list_weights: bool = False) -> ParamsReport:
    """Count parameters part by part.

    Args:
        network: the described model.
        list_weights: list every tensor of every block as well; without it the cost does not depend on the layers.

    Raises:
        InputError: the list would be longer than two million weights.
    """
    sizes = network.sizes
    return ParamsReport(
        config=network.config,
        total=count_parameters(network),
        active=count_active(network),
        weight_tying=network.config.weight_tying,
        totals=count_tied_and_untied(network),
        parts=_parts(network.parts, "", None, sizes),
        weights=_listed(network, sizes) if list_weights else None,
    )


def _listed(network: Network, sizes: Sizes) -> list[WeightRow]:
    length = sum(found.amount * len(part.weights()) for found, part in parts_of(network))
    if length > MAX_LISTED:
        raise InputError(
            f"n_layers {network.stack.depth:,} makes {length:,} weights, more than the {MAX_LISTED:,} that --json "
            "lists; leave --json out, or use fewer layers"
        )
    return [
        WeightRow(weight.path, shape_sizes(weight.shape, sizes), weight.count(sizes), weight.tied_to)
        for weight in each_weight(network, sizes)
    ]


def _parts(nodes: Iterable[tuple[str, Node]], path: str, kind: Kind | None, sizes: Sizes) -> list[PartRow]:
    parts = (part for name, node in nodes for part in _each(node, f"{path}.{name}" if path else name, kind, sizes))
    return [part for part in parts if part.parts or part.shapes]


def _each(node: Node, path: str, kind: Kind | None, sizes: Sizes) -> Iterator[PartRow]:
    if isinstance(node, Stack):
        for each in node.kinds():
            yield _group(each.layer.body, f"{path}.{each.index}", each, sizes_of_layer(sizes, each.layer))
    elif isinstance(node, Group):
        yield _group(node, path, kind, sizes)
    else:
        yield _own_weights(node, path, kind, sizes)


def _group(group: Group, path: str, kind: Kind | None, sizes: Sizes) -> PartRow:
    parts = _parts(group.parts, path, kind, sizes)
    return PartRow(path, group.label, {}, sum(part.count for part in parts), kind.amount if kind else 1, None, parts)


def _own_weights(part: Part, path: str, kind: Kind | None, sizes: Sizes) -> PartRow:
    shapes = {name: shape_sizes(shape, sizes) for name, shape in part.weights().items()}
    count = 0 if part.tied_to else sum(prod(shape) for shape in shapes.values())
    return PartRow(path, part.label, shapes, count, kind.amount if kind else 1, part.tied_to, [])
