"""The flow map: every step of every block with its shape, its formula and its figures, from the description alone."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from gptcli.analysis.limits import check_length
from gptcli.analysis.params import count_parameters
from gptcli.architecture import (
    AttentionPath,
    Network,
    Sizes,
    Step,
    describe,
    elements,
    shape_sizes,
    shared_path,
    size,
    sizes_of,
    steps,
    walk,
)
from gptcli.architecture.dtypes import bytes_of
from gptcli.architecture.equations import equation
from gptcli.architecture.flops import matrix_products
from gptcli.architecture.listing import INDEX
from gptcli.architecture.network import Group
from gptcli.architecture.operations import Linear, Operation
from gptcli.config import ModelConfig
from gptcli.errors import InputError
from gptcli.reports.flow import FlowBlock, FlowReport, FlowStep
from gptcli.reports.tokens import Token

MAX_LAYERS = 10_000  # of 18 steps each; a drawing folds them, but every step of every block is in the report


def flow_report(
    config: ModelConfig,
    *,
    batch: int = 1,
    tokens: int,
    attention: AttentionPath = "explicit",
    dtype: str = "fp32",
    texts: Sequence[Sequence[Token]] | None = None,
) -> FlowReport:
    """List the steps that B texts of T tokens go through.

    Args:
        config: the model.
        batch: B, texts at once.
        tokens: T, tokens in a text.
        attention: ``explicit`` opens attention into scores, mask, softmax and weighted sum; ``sdpa`` has one step.
        dtype: of the activations, for their bytes.
        texts: the tokens of each text, where there are texts.

    Raises:
        InputError: the sequence is over the context length, or there are more layers than anyone lists.
    """
    check_length(config, tokens)
    if config.n_layers > MAX_LAYERS:
        raise InputError(
            f"n_layers {config.n_layers:,} makes more steps than can be listed; use at most {MAX_LAYERS:,} layers"
        )
    network, sizes = describe(config, attention), sizes_of(config, batch, tokens)
    listed = _listed(network, sizes, dtype)
    block = [step for step in listed if step.block == 0 and not step.group]
    return FlowReport(
        config=config,
        batch_size=batch,
        seq_len=tokens,
        attention=attention,
        dtype=dtype,
        text_tokens=None if texts is None else [list(text) for text in texts],
        sizes={symbol: value for symbol, value in sizes.items() if symbol.isalpha()},
        parameters=count_parameters(config),
        forward_flops=sum(step.flops for step in listed if not step.group),
        block=FlowBlock(
            path=next(path for path, _, _ in walk(network) if path.endswith(INDEX)),
            label=network.h.body.label,
            times=size(network.h.times, sizes),
            parameters=sum(step.parameters for step in block),
            flops=sum(step.flops for step in block),
        ),
        steps=listed,
    )


class _Facts(Struct, frozen=True):
    """What the step of a path has in every block alike."""

    formula: str
    weights: dict[str, tuple[int, ...]]
    tied_to: str | None
    parameters: int
    flops: int


def _listed(network: Network, sizes: Sizes, dtype: str) -> list[FlowStep]:
    facts = {path: _facts(node, sizes) for path, node, _ in walk(network) if path and not path.endswith(INDEX)}
    facts |= {path: _summed(path, of_group, facts) for path, of_group in facts.items()}
    return [_step(step, facts[shared_path(step)], sizes, dtype) for step in steps(network, sizes)]


def _facts(node: Operation | Group, sizes: Sizes) -> _Facts:
    if isinstance(node, Group):
        return _Facts(equation(node), {}, None, 0, 0)
    weights = {name: shape_sizes(shape, sizes) for name, shape in node.weights().items()}
    tied_to = node.tied_to if isinstance(node, Linear) else None
    parameters = 0 if tied_to else sum(elements(shape, sizes) for shape in node.weights().values())
    flops = sum(product.flops(sizes) for product in matrix_products(node))
    return _Facts(equation(node), weights, tied_to, parameters, flops)


def _summed(path: str, own: _Facts, facts: dict[str, _Facts]) -> _Facts:
    """Add to a group's figures those of its parts; an operation has none."""
    parts = [part for other, part in facts.items() if other.startswith(f"{path}.")]
    return replace(
        own,
        parameters=own.parameters + sum(part.parameters for part in parts),
        flops=own.flops + sum(part.flops for part in parts),
    )


def _step(step: Step, facts: _Facts, sizes: Sizes, dtype: str) -> FlowStep:
    return FlowStep(
        path=step.path,
        label=step.label,
        operation=step.kind,
        formula=facts.formula,
        reads=list(step.reads),
        shape=shape_sizes(step.shape, sizes),
        symbols=[str(dim) for dim in step.shape],
        block=step.block,
        parent=step.path.rpartition(".")[0] or None,
        group=step.group,
        weights=facts.weights,
        tied_to=facts.tied_to,
        parameters=facts.parameters,
        flops=facts.flops,
        bytes=bytes_of(elements(step.shape, sizes), dtype),
    )
