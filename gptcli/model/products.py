"""The fastest matrix product for a token at a time, and for many of them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

from gptcli.architecture.network import Block
from gptcli.architecture.operations import FusedAttention
from gptcli.model.gpt import GPT, Linear

_MANY = 32  # tokens from which oneDNN's rate counts for more than the last bit


def products_for_pass(model: GPT, tokens: int) -> AbstractContextManager[None]:
    """Let a pass over many tokens multiply with oneDNN while the block runs.

    A pass over few tokens, one on the explicit path and one in training mode keep ``F.linear``: those are held against
    other people's networks, to the last bit where that can be.

    Args:
        model: that is about to run.
        tokens: in all texts together.
    """
    block = model.network.h.body
    assert isinstance(block, Block)
    fused = isinstance(block.attn.mix, FusedAttention)
    return onednn_products(model) if fused and tokens >= _MANY and not model.training else nullcontext()


@contextmanager
def onednn_products(model: GPT) -> Iterator[None]:
    """Let linear layers multiply with oneDNN while the block runs, where that can be: in fp32 on the CPU.

    ``F.linear`` takes the BLAS library in fp32. MKL's product of a matrix with a single vector uses one thread and half
    of the memory's bandwidth on some processors, and a token in generation is nothing but such products; with many
    tokens it stays a third behind in the output head. The operation is the one that torch's own compiler puts in the
    place of ``F.linear``; it is missing where torch is built without oneDNN. Results differ by rounding.
    """
    weight = model.wte.weight
    suited = weight.device.type == "cpu" and weight.dtype == torch.float32
    if not suited or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        yield
        return
    layers = [module for module in model.modules() if isinstance(module, Linear)]
    before = [layer.product for layer in layers]
    for layer in layers:
        layer.product = _by_onednn
    try:
        yield
    finally:
        for layer, product in zip(layers, before, strict=True):
            layer.product = product


def _by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(..., in), (out, in), (out) -> (..., out)."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return out
