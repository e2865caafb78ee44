"""The fastest matrix product for as many tokens as there are: on the CPU, without gradients.

``F.linear`` hands each product to the BLAS library whole. MKL, which torch brings on x86, then multiplies a single row
on one thread, and shares a matrix of very many outputs badly among several where there are many rows. Here these
products are asked for in pieces, each written into its place of the result: a pass takes what `gptcli memory` says on
every machine. `python -m benchmarks --only products` prints what the pieces gain. Results differ from ``F.linear`` by
rounding, if at all.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from gptcli import processor
from gptcli.architecture.books import WIDENED_ROWS
from gptcli.model.gpt import GPT
from gptcli.model.parts.experts import Experts, multiplied
from gptcli.model.parts.linear import Linear

_MANY_ROWS = 384  # from here on slices of a wide matrix are faster than the whole
_LEAST_PARTS = 8  # a few for each thread, so that none waits long for another
_SLICE = 1024  # outputs of a wide matrix at a time
_WIDE = 8 * _SLICE  # outputs from which that pays: the output head, not the layers of a block

_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


def choose_products(model: GPT) -> None:
    """Let linear layers and experts multiply the fastest way, where there is a choice: on the CPU.

    A network on the explicit attention path is left alone: it is there to be compared with other people's networks, to
    the last bit where that can be.
    """
    weight = next(model.parameters())
    if weight.device.type != "cpu" or model.network.attention != "sdpa":
        return
    mkl = weight.dtype == torch.float32 and torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    for module in model.modules():
        if isinstance(module, Experts) and mkl:
            module.multiply = expert_product
        elif isinstance(module, Linear) and mkl:
            module.product = Product(module.weight, module.bias)
        elif isinstance(module, Linear) and processor.lacks_instructions(_NAMES[weight.dtype]):
            module.product = Widened(model.network.sizes["C"])


class Widened:
    """The product in 16 bits on a processor without instructions for it: multiplied and summed in fp32, rounded once.

    torch's own product takes several times as long there as one in fp32, from a few rows on. What this one needs
    besides the result is made once and goes when it returns: the rows, a slice of the matrix and its result in fp32,
    4 (B T in + C in + B T C) bytes (`gptcli.architecture.parts.linear`).

    Args:
        width: C, the outputs of a slice.
    """

    def __init__(self, width: int) -> None:
        self._width = width

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(..., in), (out, in), (out) -> (..., out); as ``F.linear`` for gradients and for few rows."""
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) < WIDENED_ROWS or torch.is_grad_enabled():
            return F.linear(x, weight, bias)
        out = x.new_empty(len(rows), len(weight))
        wide = rows.float()  # (rows, in)
        matrix = wide.new_empty(self._width, x.shape[-1])
        result = wide.new_empty(len(rows), self._width)
        for start in range(0, len(weight), self._width):
            columns = slice(start, start + self._width)
            part = weight[columns]
            outputs = result[:, : len(part)]
            torch.mm(wide, matrix[: len(part)].copy_(part).t(), out=outputs)
            out[:, columns] = outputs if bias is None else outputs.add_(bias[columns])
        return out.view(*x.shape[:-1], -1)


class Product:
    """The product with one matrix, whose parts are found once: a token takes longer to ask for them than to add them.

    Args:
        weight: (out, in), which may be stored the other way round.
        bias: (out), or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        outputs, self._inputs = weight.shape
        self._weight = weight
        self._parts = max(_LEAST_PARTS, torch.get_num_threads())
        self._body = outputs - outputs % self._parts  # outputs in equal parts; the rest is done apart
        # (parts, in, out / parts)
        self._matrices = weight.detach()[: self._body].view(self._parts, -1, self._inputs).transpose(1, 2)

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(..., in), (out, in), (out) -> (..., out); as ``F.linear`` for gradients and for another matrix."""
        if weight is not self._weight or torch.is_grad_enabled():
            return F.linear(x, weight, bias)
        rows = x.numel() // self._inputs
        if rows == 1:
            return self._one_row(x, weight, bias)
        if rows >= _MANY_ROWS and len(weight) >= _WIDE:
            return _in_slices(x, weight, bias)
        return F.linear(x, weight, bias)

    def _one_row(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Multiply with equal parts of the outputs side by side, as a batch of products that the threads share."""
        out = x.new_empty(*x.shape[:-1], len(weight))
        row, results = x.reshape(-1), out.view(-1)  # (in), (out)
        parts = results[: self._body].view(self._parts, 1, -1)
        torch.bmm(row.expand(self._parts, 1, -1), self._matrices, out=parts)  # (parts, 1, out / parts)
        if self._body < len(weight):
            torch.mv(weight[self._body :], row, out=results[self._body :])
        return out if bias is None else out.add_(bias)


def expert_product(rows: Tensor, matrix: Tensor, bias: Tensor | None, out: Tensor) -> object:
    """Put (m, in) times the transpose of (out, in), plus (out), in its place (m, out); one row by all threads."""
    parts = max(_LEAST_PARTS, torch.get_num_threads())
    outputs, inputs = matrix.shape
    if len(rows) > 1 or outputs % parts:
        return multiplied(rows, matrix, bias, out)
    matrices = matrix.view(parts, -1, inputs).transpose(1, 2)  # (parts, in, out / parts)
    torch.bmm(rows.expand(parts, 1, inputs), matrices, out=out.view(parts, 1, -1))
    return out if bias is None else out.add_(bias)


def _in_slices(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Multiply with one slice of a wide matrix after the other, each into its columns of the result."""
    rows = x.reshape(-1, x.shape[-1])
    out = rows.new_empty(len(rows), len(weight))
    for start in range(0, len(weight), _SLICE):
        torch.mm(rows, weight[start : start + _SLICE].t(), out=out[:, start : start + _SLICE])
    shaped = out.view(*x.shape[:-1], -1)
    return shaped if bias is None else shaped.add_(bias)
