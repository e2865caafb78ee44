"""The logits in what a network returns: alone, beside a loss on either side, in a dictionary or in an object."""

import dataclasses
from collections.abc import Iterator, Mapping

from torch import Tensor, nn

_DEEPEST = 3  # outputs within outputs


def logits_in(output: object, model: nn.Module, batch: int, tokens: int) -> Tensor | None:
    """Return the tensor that is the logits, (B, T, V) or (B, 1, V), or the first tensor where none looks like it.

    Logits that were laid out as (B * T, V) for a loss come back in their shape.

    Args:
        output: what was returned.
        model: whose vocabulary tells logits from hidden states.
        batch: B.
        tokens: T.
    """
    if isinstance(output, Tensor):
        return _in_shape(output, batch, tokens)
    named = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if isinstance(named, Tensor):
        return _in_shape(named, batch, tokens)
    found = [_in_shape(each, batch, tokens) for each in _tensors(output, 0)]
    rows = max((each.num_embeddings for each in model.modules() if isinstance(each, nn.Embedding)), default=0)
    ranked = sorted(found, key=lambda each: -_likeness(each, batch, tokens, rows))
    return ranked[0] if ranked else None


def first_tensor(output: object) -> Tensor | None:
    """Return the tensor that a module gave, be it alone, in a tuple, in a dictionary or as ``.logits``."""
    if isinstance(output, Tensor):
        return output
    logits = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    items = output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else ()
    return next((item for item in items if isinstance(item, Tensor)), None)


def _likeness(tensor: Tensor, batch: int, tokens: int, rows: int) -> int:
    if tensor.ndim != 3 or not tensor.is_floating_point() or tensor.shape[0] != batch:
        return 0
    return 1 + 2 * (tensor.shape[-1] == rows) + (tensor.shape[1] == tokens)


def _in_shape(tensor: Tensor, batch: int, tokens: int) -> Tensor:
    flat = tensor.ndim == 2 and tensor.shape[0] == batch * tokens and tensor.is_floating_point()
    return tensor.reshape(batch, tokens, -1) if flat else tensor


def _tensors(output: object, depth: int) -> Iterator[Tensor]:
    """Yield the tensors in an output, in order."""
    if isinstance(output, Tensor):
        yield output
        return
    if depth == _DEEPEST or output is None or isinstance(output, str | bytes | nn.Module):
        return
    if isinstance(output, Mapping):
        parts = list(output.values())
    elif isinstance(output, tuple | list):
        parts = list(output)
    elif dataclasses.is_dataclass(output) or hasattr(output, "__dict__"):
        parts = list(vars(output).values()) if hasattr(output, "__dict__") else []
    else:
        parts = []
    for part in parts:
        yield from _tensors(part, depth + 1)
