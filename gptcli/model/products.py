"""The fastest matrix product for a few tokens at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from gptcli.model.gpt import GPT, Linear


@contextmanager
def products_for_few_tokens(model: GPT) -> Iterator[None]:
    """Let linear layers multiply with oneDNN while the block runs, where that can be: in fp32 on the CPU.

    ``F.linear`` takes the BLAS library in fp32. MKL's product of a matrix with a single vector uses one thread and half
    of the memory's bandwidth on some processors, and a token in generation is nothing but such products. The operation
    is the one that torch's own compiler puts in the place of ``F.linear``; it is missing where torch is built without
    oneDNN. Results differ by rounding.
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
