"""Random weights that a seed fixes, the same on every device and in every dtype.

Everything is drawn on the CPU in fp32 from torch's global generator, in the order in which the lecture's network is
constructed: embeddings; per block query, key, value, output projection and the two feed-forward layers; output head.
"""

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor, nn

from gptcli.architecture import operations as ops
from gptcli.architecture import size, sizes_of
from gptcli.config import InitScheme
from gptcli.model.gpt import GPT, StepModule
from gptcli.model.pages import taken_ahead

_GPT2_STD = 0.02  # Radford et al. 2018, section 4.1; kept in GPT-2's release
_KAIMING_SLOPE = sqrt(5)  # torch.nn.Linear.reset_parameters
_SCRATCH = 2**20  # numbers drawn at a time where only the generator has to move on


def initialize(model: GPT, scheme: InitScheme, seed: int, *, advance_for_tied_head: bool = False) -> None:
    """Draw every weight of the model; leaves torch's global generator where construction leaves it.

    Args:
        model: its parameters are overwritten.
        scheme: ``torch``: what PyTorch's default constructors draw. ``gpt2``: normal with deviation 0.02, projections
            onto the residual path divided by sqrt(2L), biases zero (Radford et al. 2019, section 2.3).
        seed: of ``torch.manual_seed``.
        advance_for_tied_head: draw and discard the numbers of a tied output head too, as a network does that
            constructs its head and ties it afterwards; they matter to whatever is drawn next, which is dropout.
    """
    torch.manual_seed(seed)
    with taken_ahead(model.parameters()):
        _draw(model, scheme, advance_for_tied_head)


def _draw(model: GPT, scheme: InitScheme, advance_for_tied_head: bool) -> None:
    residual_std = _GPT2_STD / sqrt(2 * size(model.network.h.times, sizes_of(model.network.config)))
    for module in model.modules():
        if not isinstance(module, StepModule) or not list(module.parameters(recurse=False)):
            continue
        operation = module.operation
        if isinstance(operation, ops.Linear) and operation.tied_to:
            if advance_for_tied_head and scheme == "torch":
                _discard_uniform(module.get_parameter("weight").numel())
        elif scheme == "torch":
            _draw_as_torch(module, operation)
        else:
            _draw_as_gpt2(module, operation, residual_std)


def _draw_as_torch(module: nn.Module, operation: ops.Operation) -> None:
    """Draw what ``nn.Embedding``, ``nn.Linear`` and torch's norms draw in their constructors."""
    weight = module.get_parameter("weight")
    if isinstance(operation, ops.LayerNorm | ops.RMSNorm):
        _set_identity(module)
    elif isinstance(operation, ops.Embedding):
        with _drawn_on_cpu(weight) as data:
            nn.init.normal_(data)
    elif isinstance(operation, ops.Linear):
        _draw_linear_layers(module, operation.fused)


def _draw_linear_layers(module: nn.Module, fused: int) -> None:
    """Draw each of the layers that are stacked in the rows of a weight: its weight, then its bias."""
    weight, bias = module.get_parameter("weight"), getattr(module, "bias", None)
    biases = bias.detach().chunk(fused) if bias is not None else [None] * fused
    for weight_rows, bias_rows in zip(weight.detach().chunk(fused), biases, strict=True):
        with _drawn_on_cpu(weight_rows) as data:
            nn.init.kaiming_uniform_(data, a=_KAIMING_SLOPE)
        if bias_rows is not None:
            bound = 1 / sqrt(weight_rows.shape[1])
            with _drawn_on_cpu(bias_rows) as data:
                nn.init.uniform_(data, -bound, bound)


def _draw_as_gpt2(module: nn.Module, operation: ops.Operation, residual_std: float) -> None:
    if isinstance(operation, ops.LayerNorm | ops.RMSNorm):
        _set_identity(module)
        return
    to_residual = isinstance(operation, ops.Linear) and operation.to_residual
    with _drawn_on_cpu(module.get_parameter("weight")) as data:
        nn.init.normal_(data, std=residual_std if to_residual else _GPT2_STD)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.get_parameter("bias"))


def _set_identity(module: nn.Module) -> None:
    nn.init.ones_(module.get_parameter("weight"))
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.get_parameter("bias"))


class _drawn_on_cpu:  # noqa: N801  # reads as a verb where it is used
    """Give an fp32 CPU tensor to draw into: the parameter itself where it is one, else a buffer that is cast over."""

    def __init__(self, target: Tensor) -> None:
        self._target = target.detach()
        self._direct = target.device.type == "cpu" and target.dtype == torch.float32
        self._buffer = self._target if self._direct else torch.empty(target.shape, dtype=torch.float32)

    def __enter__(self) -> Tensor:
        return self._buffer

    def __exit__(self, *_: object) -> None:
        if not self._direct:
            self._target.copy_(self._buffer)


def _discard_uniform(numbers: int) -> None:
    """Move the generator on by that many uniform draws without holding them all."""
    for amount in _portions(numbers):
        torch.empty(amount).uniform_()


def _portions(numbers: int) -> Iterator[int]:
    while numbers > 0:
        yield min(numbers, _SCRATCH)
        numbers -= _SCRATCH
