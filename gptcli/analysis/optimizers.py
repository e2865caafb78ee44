"""Optimizers: what they keep between steps, and how they go about one; one row each.

Read off torch 2.13's ``torch.optim``, bitsandbytes 0.50 and lion-pytorch 0.2.5, with their default settings
(``sgd-momentum``: any momentum above 0).
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from gptcli.architecture.adapters import trained_weights
from gptcli.architecture.axes import ONE, Shape, Sizes, elements, number
from gptcli.architecture.books import FP32
from gptcli.architecture.listing import Weight, parts_of
from gptcli.architecture.network import Network
from gptcli.errors import InputError, did_you_mean

TORCH = "torch.optim"


class Optimizer(Struct, frozen=True, kw_only=True):
    """What an optimizer keeps and makes.

    Attributes:
        class_name: its class in ``package``.
        package: the Python package that has it.
        source: where the method is from.
        state: of a parameter it keeps ``copies`` of its shape; or ``factored``, of a matrix a number for each row and
            each column and of a vector one copy; or ``quantized``, two copies of a byte a number with their scales.
        copies: how many tensors like the parameter, in its dtype.
        counts_steps: whether it keeps a step counter of 4 bytes for each parameter tensor.
        step: the rule for what a step allocates, in `gptcli.analysis.optimizer_steps`.
        momentum: the argument that turns its state on, or None.
        others: the optimizer of what this one does not take: it takes the matrices of the layers alone. None: it
            takes everything.
        implementations: what ``--optimizer-impl`` may be.
        default_on_cuda: what it takes there unless it is told.
        sizes_decide: whether it depends on numbers, not on kinds of tensor alone, what it allocates.
        has_kernels: whether its step calls kernels of its own, which fake tensors cannot follow.
    """

    class_name: str
    package: str = TORCH
    source: str
    state: Literal["copies", "factored", "quantized"] = "copies"
    copies: int = 0
    counts_steps: bool = False
    step: Literal["in place", "adam", "adafactor", "lion", "muon", "adam of bitsandbytes"] = "in place"
    momentum: float | None = None
    others: str | None = None
    implementations: tuple[str, ...] = ("for-loop", "foreach", "fused")
    default_on_cuda: str = "foreach"
    sizes_decide: bool = False
    has_kernels: bool = False

    @property
    def installed(self) -> str:
        """What is installed for it: ``torch``, ``lion-pytorch``."""
        return self.package.partition(".")[0].replace("_", "-")


OPTIMIZERS = {
    "adamw": Optimizer(
        class_name="AdamW", copies=2, counts_steps=True, step="adam", source="Loshchilov and Hutter 2019"
    ),
    "adam": Optimizer(class_name="Adam", copies=2, counts_steps=True, step="adam", source="Kingma and Ba 2015"),
    "sgd": Optimizer(class_name="SGD", source="Robbins and Monro 1951"),
    "sgd-momentum": Optimizer(class_name="SGD", copies=1, source="Polyak 1964", momentum=0.9),
    "adamw8bit": Optimizer(
        class_name="AdamW8bit",
        package="bitsandbytes.optim",
        state="quantized",
        step="adam of bitsandbytes",
        source="Dettmers et al. 2022",
        implementations=("for-loop",),
        default_on_cuda="for-loop",
        sizes_decide=True,
        has_kernels=True,
    ),
    "muon": Optimizer(
        class_name="Muon", copies=1, step="muon", source="Jordan et al. 2024", others="adamw", sizes_decide=True
    ),
    "adafactor": Optimizer(
        class_name="Adafactor",
        state="factored",
        counts_steps=True,
        step="adafactor",
        source="Shazeer and Stern 2018",
        implementations=("for-loop", "foreach"),
        default_on_cuda="for-loop",
    ),
    "lion": Optimizer(
        class_name="Lion",
        package="lion_pytorch",
        copies=1,
        step="lion",
        source="Chen et al. 2023",
        implementations=("for-loop",),
        default_on_cuda="for-loop",
    ),
}
STEP_COUNTER_BYTES = 4

# bitsandbytes/optim/optimizer.py, Optimizer2State: a scale for every so many numbers, and two tables of 256 numbers
# that all quantized tensors share. Smaller tensors stay in fp32; so do embeddings, as its documentation says
# (StableEmbedding) and as transformers' Trainer has it.
_QUANTIZED_FROM = 4096
_BLOCK = 256
_TABLE = 256
_MOMENTS = 2
_BYTE = 1

_MATRIX = 2  # dimensions


def optimizer_name(name: str) -> str:
    """Return the key in `OPTIMIZERS` of a name in any usual spelling: ``AdamW``, ``torch.optim.SGD``.

    Raises:
        InputError: no such name; the message lists them.
    """
    spelled = name.strip().lower().rpartition(".")[2].replace("_", "-")
    if spelled not in OPTIMIZERS:
        hint = did_you_mean(spelled, OPTIMIZERS)
        raise InputError(f"unknown optimizer '{name}'{hint}; choices are {', '.join(OPTIMIZERS)}")
    return spelled


def optimizer_named(name: str) -> Optimizer:
    """Return an optimizer; raises as `optimizer_name`."""
    return OPTIMIZERS[optimizer_name(name)]


def implementation(how: str, device: str, name: str) -> str:
    """Resolve ``auto`` as the optimizer does: one tensor after the other on the CPU, on CUDA mostly all at once."""
    if how != "auto":
        return how
    return "for-loop" if device == "cpu" else optimizer_named(name).default_on_cuda


def check_implementation(how: str, name: str) -> None:
    """Refuse an implementation that an optimizer does not have.

    Raises:
        InputError: with those that it has.
    """
    optimizer = optimizer_named(name)
    if how != "auto" and how not in optimizer.implementations:
        choices = ", ".join(("auto", *optimizer.implementations))
        raise InputError(
            f"--optimizer-impl {how}: {optimizer.class_name} of {optimizer.package} has none; choices are {choices}"
        )


class Share(Struct, frozen=True):
    """Some of the weights, and the optimizer that takes them."""

    optimizer: Optimizer
    weights: list[Weight]


def shares(name: str, network: Network) -> list[Share]:
    """Return which optimizer takes which weights, in the order in which they step.

    Raises:
        InputError: as `optimizer_name`.
    """
    optimizer, trained = optimizer_named(name), trained_weights(network)
    if optimizer.others is None:
        return [Share(optimizer, trained)]
    hidden = [weight for weight in trained if is_hidden_matrix(weight)]
    rest = [weight for weight in trained if not is_hidden_matrix(weight)]
    return [Share(optimizer, hidden), Share(optimizer_named(optimizer.others), rest)]


def is_hidden_matrix(weight: Weight) -> bool:
    """Return whether a weight is a matrix of a layer, which Muon is for: no embedding, head, bias or norm."""
    return weight.times is not None and len(weight.shape) == _MATRIX


def embedding_tables(network: Network) -> set[str]:
    """Return the paths of the weights of embeddings."""
    return {
        f"{found.path}.{name}"
        for found, part in parts_of(network)
        if part.family == "embedding"
        for name in part.weights()
    }


State = tuple[Shape, int]  # the shape of a tensor that is kept, and the bytes of one element


def states(optimizer: Optimizer, weight: Weight, sizes: Sizes, item: int, tables: Iterable[str]) -> list[State]:
    """Return what an optimizer keeps of a weight.

    Args:
        optimizer: which.
        weight: of the network.
        sizes: the value of every axis.
        item: bytes of an element of the weight.
        tables: the weights of embeddings, by their paths.
    """
    counter: list[State] = [((ONE,), STEP_COUNTER_BYTES)] if optimizer.counts_steps else []
    if optimizer.state == "factored" and len(weight.shape) > 1:
        rows, columns = (*weight.shape[:-1], ONE), (*weight.shape[:-2], ONE, weight.shape[-1])
        return [(rows, item), (columns, item), *counter]
    if optimizer.state == "factored":
        return [(weight.shape, item), *counter]
    if optimizer.state == "quantized":
        if not is_quantized(weight, sizes, tables):
            return _MOMENTS * [(weight.shape, FP32)]
        scales: Shape = (number(-(-elements(weight.shape, sizes) // _BLOCK)),)
        return _MOMENTS * [(weight.shape, _BYTE), (scales, FP32)]
    return [*optimizer.copies * [(weight.shape, item)], *counter]


def shared_states(share: Share, sizes: Sizes, tables: Iterable[str]) -> list[State]:
    """Return what an optimizer keeps once for all of its weights: the tables by which bytes stand for numbers."""
    if share.optimizer.state != "quantized":
        return []
    table: State = ((number(_TABLE),), FP32)
    used = any(is_quantized(weight, sizes, tables) for weight in share.weights)
    return _MOMENTS * [table] if used else []


def is_quantized(weight: Weight, sizes: Sizes, tables: Iterable[str]) -> bool:
    """Return whether bitsandbytes keeps the state of a weight in bytes."""
    return weight.path not in tables and elements(weight.shape, sizes) >= _QUANTIZED_FROM
