"""Optimizers: the state they keep between steps and what a step allocates; one row each.

Read off torch 2.13's ``torch.optim`` with default settings (``sgd-momentum``: any momentum above 0).
"""

from msgspec import Struct

from gptcli.errors import InputError, did_you_mean


class Optimizer(Struct, frozen=True):
    """What an optimizer keeps and makes.

    Attributes:
        torch_name: the class in ``torch.optim``.
        states: tensors like the parameter that it keeps for each.
        counts_steps: whether it keeps a step counter of 4 bytes for each parameter tensor.
        denominator: whether a step divides by a root that it computes from a state (Adam and its kin).
        momentum: the argument that turns its state on, or None.
        source: where it is from.
    """

    torch_name: str
    states: int
    counts_steps: bool
    denominator: bool
    source: str
    momentum: float | None = None


OPTIMIZERS = {
    "adamw": Optimizer("AdamW", 2, True, True, "Loshchilov and Hutter 2019"),
    "adam": Optimizer("Adam", 2, True, True, "Kingma and Ba 2015"),
    "sgd": Optimizer("SGD", 0, False, False, "Robbins and Monro 1951"),
    "sgd-momentum": Optimizer("SGD", 1, False, False, "Polyak 1964", momentum=0.9),
}
STEP_COUNTER_BYTES = 4


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


def implementation(name: str, device: str) -> str:
    """Resolve ``auto`` as torch does: one tensor after the other on the CPU, all at once on CUDA."""
    if name != "auto":
        return name
    return "for-loop" if device == "cpu" else "foreach"
