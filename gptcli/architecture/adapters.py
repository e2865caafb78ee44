"""Low-rank adapters (LoRA, Hu et al. 2021) as an edit of the tree: beside a frozen linear layer two small ones.

As peft has it: ``base_layer(x) + lora_B(lora_A(x)) * (alpha / r)``; A is (r, in), B is (out, r), neither has a bias,
and nothing else is trained. Adapters have the dtype of the weights, and no dropout.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from gptcli.architecture.axes import number
from gptcli.architecture.listing import Weight, parts_of, weights
from gptcli.architecture.network import Adapters, AttentionPath, Group, Layer, Network, Node, Run, Stack
from gptcli.architecture.parts.adapter import AdapterSum
from gptcli.architecture.parts.linear import Linear
from gptcli.architecture.roles import ADAPTER, ROUTER
from gptcli.config import ModelConfig
from gptcli.errors import InputError

ALL_LINEAR = "all-linear"
DEFAULT_TARGETS = ("c_attn",)  # peft's for GPT-2: TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING

_A, _B = "lora_A", "lora_B"
_ALPHA = 8  # peft's default; no figure depends on it


def adapted(network: Network, rank: int, targets: tuple[str, ...] = DEFAULT_TARGETS) -> Network:
    """Return a network with adapters, whose other weights are frozen.

    Args:
        network: the network.
        rank: of the adapters, r.
        targets: the linear layers that get one: ends of their paths (``c_proj``, ``mlp.c_proj``), or ``all-linear``.

    Raises:
        InputError: a target that no linear layer of the network's layers has.
    """
    names = set(linear_paths(network))
    for target in targets:
        if target != ALL_LINEAR and not any(_ends(path, target) for path in names):
            listed = ", ".join(dict.fromkeys(path.rpartition(".")[2] for path in linear_paths(network)))
            raise InputError(f"no linear layer is called '{target}'; choices are {listed}, or {ALL_LINEAR}")

    def make(config: ModelConfig, attention: AttentionPath) -> Network:
        return adapted(network.make(config, attention), rank, targets)

    parts = tuple(
        (name, _in_stack(node, rank, targets) if isinstance(node, Stack) else node) for name, node in network.parts
    )
    return replace(network, parts=parts, make=make, adapters=Adapters(rank, targets))


def linear_paths(network: Network) -> Iterator[str]:
    """Yield the paths of the linear layers that can be adapted: those of the layers, routers left out."""
    for found, part in parts_of(network):
        if found.kind is not None and isinstance(part, Linear) and part.role != ROUTER:
            yield found.path


def trained_weights(network: Network) -> list[Weight]:
    """Return the weights that training changes, those of each kind of layer once; tied ones are none of their own."""
    own = [weight for weight in weights(network) if weight.trained and not weight.tied_to]
    return own if network.adapters is None else [weight for weight in own if weight.role == ADAPTER]


def count_trained(network: Network) -> int:
    """Return how many parameters training changes."""
    return sum(weight.total(network.sizes) for weight in trained_weights(network))


def is_adapter(weight: str) -> bool:
    """Return whether a weight's path is that of an adapter's."""
    return weight.split(".")[-2] in (_A, _B)


def _ends(path: str, target: str) -> bool:
    return path.endswith(f".{target}")


def _in_stack(stack: Stack, rank: int, targets: tuple[str, ...]) -> Stack:
    runs = tuple(
        Run(tuple((_in_layer(layer, rank, targets), amount) for layer, amount in run.period), run.times)
        for run in stack.runs
    )
    return replace(stack, runs=runs)


def _in_layer(layer: Layer, rank: int, targets: tuple[str, ...]) -> Layer:
    return Layer(_in_group(layer.body, "", rank, targets), layer.sizes)


def _in_group(group: Group, path: str, rank: int, targets: tuple[str, ...]) -> Group:
    parts: list[tuple[str, Node]] = []
    for name, node in group.parts:
        here = f"{path}.{name}"
        if isinstance(node, Group):
            parts.append((name, _in_group(node, here, rank, targets)))
        elif isinstance(node, Linear) and _is_target(node, here, targets):
            parts.append((name, _with_adapter(node, rank)))
        else:
            parts.append((name, node))
    return replace(group, parts=tuple(parts))


def _is_target(part: Linear, path: str, targets: tuple[str, ...]) -> bool:
    if part.role == ROUTER:
        return False
    return ALL_LINEAR in targets or any(_ends(path, target) for target in targets)


def _with_adapter(base: Linear, rank: int) -> Node:
    low = number(rank)
    narrow = (*base.shape[:-1], low)
    return Group(
        kind="adapted_linear",
        label=base.label,
        computes=f"base_layer(x) + lora_B(lora_A(x)) * {_ALPHA / rank:.6g}",
        reads=base.reads,
        parts=(
            ("base_layer", replace(base, reads=("x",))),
            (
                _A,
                Linear(label="Adapters", shape=narrow, inputs=base.inputs, outputs=(low,), bias=False, role=ADAPTER),
            ),
            (
                _B,
                Linear(
                    label="Adapters",
                    reads=(_A,),
                    shape=base.shape,
                    inputs=low,
                    outputs=(base.width,),
                    bias=False,
                    role=ADAPTER,
                ),
            ),
            (
                "sum",
                AdapterSum(label="Adapters", reads=("base_layer", _B), shape=base.shape, factor=_ALPHA / rank),
            ),
        ),
    )
