"""The list of steps executed as it stands: each step computed from what the list says that it reads.

The memory's books, the drawings and `trace` go by that list; the network runs by its tree. Here the two meet.
"""

from typing import Any

import torch
from torch import Tensor

from gptcli.architecture import steps
from gptcli.model.gpt import GPT
from gptcli.model.parts.leaf import Leaf


def described_logits(model: GPT, ids: Tensor) -> Tensor:
    """Execute the listed steps in order, with a network's leaves.

    Args:
        model: whose weights and leaves are used; in training mode dropout draws from torch's global generator.
        ids: (B, T).

    Returns:
        The output of the last step, (B, T, V).

    Raises:
        RuntimeError: a value is of another shape than described, or shapes do not fit each other.
        KeyError: a step reads what no step before it gave.
    """
    values: dict[str, Any] = {"ids": ids, "positions": torch.arange(ids.shape[1])}
    last = ids
    for step in steps(model.network, model.network.sizes_for(*ids.shape)):
        if not step.group:
            leaf, taken = model.get_submodule(step.path), [values[read] for read in step.reads]
            assert isinstance(leaf, Leaf)
            last = leaf(taken) if leaf.consumes else leaf(*taken)
            values[step.path] = leaf.for_readers(last, None) if leaf.part.cached() else last
        else:
            values[step.path] = last
        if tuple(last.shape) != step.numbers:
            raise RuntimeError(f"{step.path} gives {tuple(last.shape)}, described is {step.numbers}")
    return last
