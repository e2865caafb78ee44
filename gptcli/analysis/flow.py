"""The flow map: every step of every block with its shape, its formula and its figures, from the description alone."""

from collections.abc import Sequence
from math import prod

from msgspec import Struct

from gptcli.analysis.limits import check_length
from gptcli.analysis.params import count_parameters
from gptcli.architecture import (
    Group,
    Network,
    Sizes,
    Stack,
    Step,
    elements,
    layers,
    shape_sizes,
    steps,
)
from gptcli.architecture.axes import read_sizes
from gptcli.architecture.dtypes import bytes_of
from gptcli.architecture.network import Node, sizes_of_layer
from gptcli.errors import InputError
from gptcli.reports.flow import FlowBlock, FlowReport, FlowStep
from gptcli.reports.tokens import Token

MAX_LAYERS = 10_000  # of 18 steps each; a drawing folds them, but every step of every block is in the report


def flow_report(
    network: Network,
    *,
    batch: int = 1,
    tokens: int,
    dtype: str = "fp32",
    texts: Sequence[Sequence[Token]] | None = None,
) -> FlowReport:
    """List the steps that B texts of T tokens go through.

    Args:
        network: the described model.
        batch: B, texts at once.
        tokens: T, tokens in a text.
        dtype: of the activations, for their bytes.
        texts: the tokens of each text, where there are texts.

    Raises:
        InputError: the sequence is over the context length, or there are more layers than anyone lists.
    """
    check_length(network.config, tokens)
    if network.stack.depth > MAX_LAYERS:
        raise InputError(
            f"n_layers {network.stack.depth:,} makes more steps than can be listed; use at most {MAX_LAYERS:,} layers"
        )
    sizes = network.sizes_for(batch, tokens)
    listed = _listed(network, sizes, dtype)
    return FlowReport(
        config=network.config,
        batch_size=batch,
        seq_len=tokens,
        attention=network.attention,
        dtype=dtype,
        text_tokens=None if texts is None else [list(text) for text in texts],
        sizes=read_sizes(sizes),
        parameters=count_parameters(network),
        forward_flops=sum(step.flops for step in listed if not step.group),
        blocks=_blocks(network, sizes),
        steps=listed,
    )


def _blocks(network: Network, sizes: Sizes) -> list[FlowBlock]:
    figures: dict[str, tuple[int, int]] = {}
    found = []
    for path, block in layers(network):
        layer = block.kind.layer
        if path not in figures:
            figures[path] = _figures(layer.body, sizes_of_layer(sizes, layer))
        found.append(FlowBlock(block.first, block.times, path, layer.body.label, *figures[path]))
    return found


class _Facts(Struct, frozen=True):
    """What a node has in every layer alike; a group's figures are those of its parts."""

    formula: str
    shape: tuple[int, ...]
    symbols: list[str]
    bytes: int
    weights: dict[str, tuple[int, ...]]
    tied_to: str | None
    parameters: int
    flops: int


def _listed(network: Network, sizes: Sizes, dtype: str) -> list[FlowStep]:
    known: dict[tuple[int, ...], _Facts] = {}  # a node of the tree may stand in several layers, of several sizes
    listed = []
    for step in steps(network, sizes):
        key = (id(step.node), *step.sizes.values())
        if key not in known:
            known[key] = _facts(step, dtype)
        listed.append(_step(step, known[key]))
    return listed


def _facts(step: Step, dtype: str) -> _Facts:
    node, numbers = step.node, step.numbers
    part = None if isinstance(node, Group) else node
    weights = {} if part is None else {name: shape_sizes(shape, step.sizes) for name, shape in part.weights().items()}
    return _Facts(
        node.formula(),
        numbers,
        [str(dim) for dim in step.shape],
        bytes_of(prod(numbers), dtype),
        weights,
        None if part is None else part.tied_to,
        *_figures(node, step.sizes),
    )


def _figures(node: Node, sizes: Sizes) -> tuple[int, int]:
    """Return the parameters and the FLOPs of a node."""
    assert not isinstance(node, Stack)
    if isinstance(node, Group):
        figures = [_figures(part, sizes) for _, part in node.parts]
        return sum(parameters for parameters, _ in figures), sum(flops for _, flops in figures)
    parameters = 0 if node.tied_to else sum(elements(shape, sizes) for shape in node.weights().values())
    return parameters, sum(product.flops(sizes) for product in node.products())


def _step(step: Step, facts: _Facts) -> FlowStep:
    return FlowStep(
        path=step.path,
        label=step.label,
        operation=step.kind,
        formula=facts.formula,
        reads=list(step.reads),
        shape=facts.shape,
        symbols=facts.symbols,
        block=step.block,
        parent=step.path.rpartition(".")[0] or None,
        group=step.group,
        weights=facts.weights,
        tied_to=facts.tied_to,
        parameters=facts.parameters,
        flops=facts.flops,
        bytes=facts.bytes,
    )
