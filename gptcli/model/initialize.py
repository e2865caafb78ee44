"""Random weights that a seed fixes, the same on every device and in every dtype.

Everything is drawn on the CPU in fp32 from torch's global generator, in the order in which the lecture's network is
constructed: embeddings; per block query, key, value, output projection and the two feed-forward layers; output head.
"""

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor, nn

from gptcli.architecture import Dim, size
from gptcli.architecture.parts.part import GPT2_DEVIATION, Draw
from gptcli.config import InitScheme
from gptcli.model.gpt import GPT
from gptcli.model.parts.leaf import Leaf
from gptcli.model.resident import taken_ahead

_KAIMING_SLOPE = sqrt(5)  # torch.nn.Linear.reset_parameters
_SCRATCH = 2**20  # numbers drawn at a time where only the generator has to move on


def initialize(model: GPT, scheme: InitScheme, seed: int, *, advance_for_tied_head: bool = False) -> None:
    """Draw every weight of the model, buffers zero; leaves torch's global generator where construction leaves it.

    Args:
        model: its parameters are overwritten.
        scheme: ``torch``: what PyTorch's default constructors draw. ``gpt2``: normal with deviation 0.02, projections
            onto the residual stream divided by sqrt(2L), biases zero (Radford et al. 2019, section 2.3).
        seed: of ``torch.manual_seed``.
        advance_for_tied_head: draw and discard the numbers of a tied output head too, as a network does that
            constructs its head and ties it afterwards; they matter to whatever is drawn next, which is dropout.
    """
    torch.manual_seed(seed)
    with taken_ahead(model.parameters()):
        _draw(model, scheme, advance_for_tied_head)


def _draw(model: GPT, scheme: InitScheme, advance_for_tied_head: bool) -> None:
    residual_deviation = GPT2_DEVIATION / sqrt(2 * model.network.stack.depth)
    for module in model.modules():
        if not isinstance(module, Leaf):
            continue
        for buffer in module.buffers(recurse=False):
            buffer.zero_()
        if module.part.tied_to and advance_for_tied_head and scheme == "torch":
            _discard_uniform(module.get_parameter("weight").numel())
        for draw in module.part.draws(scheme, residual_deviation):
            if not module.part.shared(draw.weight):
                _fill(module, draw)


def _fill(module: Leaf, draw: Draw) -> None:
    """Draw the numbers of a weight, or of some of its rows."""
    target = module.get_parameter(draw.weight).detach()
    if draw.rows is not None:
        start, end = (size(row, module.sizes) for row in draw.rows)
        target = target[start:end]
    if draw.how in ("zeros", "ones"):
        target.fill_(draw.how == "ones")
        return
    if draw.how == "constant":
        target.fill_(float(draw.scale))  # type: ignore[arg-type]  # a number, by its definition
        return
    scale = 1 / sqrt(size(draw.scale, module.sizes)) if isinstance(draw.scale, Dim) else draw.scale
    with _drawn_on_cpu(target) as data:
        if draw.how == "normal":
            nn.init.normal_(data, std=scale)
        elif draw.how == "kaiming_uniform":
            nn.init.kaiming_uniform_(data, a=_KAIMING_SLOPE)
        else:
            nn.init.uniform_(data, -scale, scale)


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
