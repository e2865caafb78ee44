"""The fastest matrix product for as many tokens as there are: on the CPU, without gradients.

``F.linear`` hands each product to the BLAS library whole. MKL, which torch brings on x86, then multiplies a single row
on one thread, and shares a matrix badly among several when there are few rows or very many outputs: on a processor that
is not Intel's that costs half of the memory's bandwidth, or a third of the arithmetic. Here the same products are asked
for in pieces. Which pieces are best depends on the number of rows (the tokens of all texts); `python -m benchmarks
--only products` prints what they gain. Results differ from ``F.linear`` by rounding, if at all.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from gptcli.architecture.network import Block
from gptcli.architecture.operations import FusedAttention
from gptcli.model.gpt import GPT, Linear

_MANY_ROWS = 384  # from here on BLAS does best with few, large pieces
_LEAST_PARTS = 8  # a few for each thread, so that none waits long for another
_SLICE = 1024  # outputs of a matrix at a time where there are many rows
_WIDE = 8 * _SLICE  # outputs from which that pays: the output head, not the layers of a block
_WIDENED_ROWS = 8  # rows of 16-bit numbers from which widening the matrix costs less than it saves

# What torch calls the instructions that multiply numbers of 16 bits.
_INSTRUCTIONS = {
    torch.bfloat16: ("avx512_bf16", "amx_bf16"),
    torch.float16: ("avx512_fp16", "amx_fp16"),
}


def choose_products(model: GPT) -> None:
    """Let the linear layers multiply the fastest way, where there is a choice: on the CPU.

    A network on the explicit attention path is left alone: it is there to be held against other people's networks, to
    the last bit where that can be.
    """
    weight, block = model.wte.weight, model.network.h.body
    assert isinstance(block, Block)
    if weight.device.type != "cpu" or not isinstance(block.attn.mix, FusedAttention):
        return
    for module in model.modules():
        if isinstance(module, Linear):
            if weight.dtype == torch.float32 and torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]
                module.product = Product(module.weight, module.bias)
            elif lacks_instructions(weight.dtype):
                module.product = widened


def lacks_instructions(dtype: torch.dtype) -> bool:
    """Return whether this processor is known to have no instructions for products of 16-bit numbers of a kind."""
    if dtype not in _INSTRUCTIONS or not hasattr(torch.cpu, "get_capabilities"):
        return False
    found = torch.cpu.get_capabilities()
    return found.get("architecture") == "x86_64" and not any(found.get(name) for name in _INSTRUCTIONS[dtype])


def widened(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(..., in), (out, in), (out) -> (..., out), all in 16 bits; multiplied and summed in fp32, slice by slice.

    Without instructions for it, torch's own product in 16 bits takes several times as long as one in fp32, from a few
    rows on. Either way sums are in fp32 and only the result is rounded.
    """
    rows = x.reshape(-1, x.shape[-1])
    if len(rows) < _WIDENED_ROWS or torch.is_grad_enabled():
        return F.linear(x, weight, bias)
    rows = rows.float()
    out = x.new_empty(len(rows), len(weight))
    for start in range(0, len(weight), _SLICE):
        columns = slice(start, start + _SLICE)
        result = torch.mm(rows, weight[columns].float().t())
        out[:, columns] = result if bias is None else result.add_(bias[columns])
    return out.view(*x.shape[:-1], -1)


class Product:
    """The product with one matrix, whose parts are found once: a token takes longer to ask for them than to add them.

    Args:
        weight: (out, in), which may be stored the other way round.
        bias: (out), or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        outputs, self._inputs = weight.shape
        parts = max(_LEAST_PARTS, torch.get_num_threads())
        self._weight = weight
        self._parts = parts
        self._body = outputs - outputs % parts  # outputs in equal parts; the rest is done apart
        body = weight.detach()[: self._body]
        self._matrices = body.view(parts, -1, self._inputs).transpose(1, 2)  # (parts, in, out / parts)
        whole = bias is not None and self._body == outputs
        self._biases = bias.detach().view(parts, 1, -1) if bias is not None and whole else None

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(..., in), (out, in), (out) -> (..., out); as ``F.linear`` for gradients and for another matrix."""
        if weight is not self._weight or torch.is_grad_enabled():
            return F.linear(x, weight, bias)
        rows = x.numel() // self._inputs
        if rows >= _MANY_ROWS:
            return F.linear(x, weight, bias) if len(weight) < _WIDE else _in_slices(x, weight, bias)
        if rows == 1:
            return self._one_row(x, weight, bias)
        return self._in_parts(x) if self._body == len(weight) else _turned(x, weight, bias)

    def _in_parts(self, x: Tensor) -> Tensor:
        """Multiply with equal parts of the outputs side by side, as a batch of products that the threads share."""
        pieces = self._pieces(x.reshape(1, -1, self._inputs))  # (parts, rows, out / parts)
        return pieces.transpose(0, 1).reshape(*x.shape[:-1], self._body)

    def _pieces(self, rows: Tensor) -> Tensor:
        """(1, rows, in) -> (parts, rows, out / parts)."""
        same = rows.expand(self._parts, -1, -1)
        biases, matrices = self._biases, self._matrices
        return torch.bmm(same, matrices) if biases is None else torch.baddbmm(biases, same, matrices)

    def _one_row(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Multiply one row with parts that lie in one piece each, so that memory is read from end to end."""
        if not weight.is_contiguous():
            return F.linear(x, weight, bias) if self._inputs % self._parts else _by_inputs(x, weight, bias, self._parts)
        if self._body == len(weight):
            return self._pieces(x.reshape(1, 1, -1)).view(*x.shape[:-1], -1)
        out = x.new_empty(*x.shape[:-1], len(weight))
        row, results = x.reshape(-1), out.view(-1)  # (in), (out)
        rows, parts = row.expand(self._parts, 1, -1), results[: self._body].view(self._parts, 1, -1)
        torch.bmm(rows, self._matrices, out=parts)  # (parts, 1, out / parts)
        torch.mv(weight[self._body :], row, out=results[self._body :])
        return out if bias is None else out.add_(bias)


def _by_inputs(x: Tensor, weight: Tensor, bias: Tensor | None, parts: int) -> Tensor:
    """Multiply one row with a matrix that is stored as (in, out): sums over parts of the inputs, then their sum."""
    rows = x.reshape(parts, 1, -1)  # (parts, 1, in / parts)
    matrices = weight.t().view(parts, -1, len(weight))  # (parts, in / parts, out)
    out = torch.bmm(rows, matrices).sum(dim=0).view(*x.shape[:-1], -1)
    return out if bias is None else out.add_(bias)


def _turned(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Multiply with the matrix on the left, which shares its rows among the threads, and turn the result."""
    turned = torch.mm(weight, x.reshape(-1, x.shape[-1]).t()).t()  # (rows, out), not in one piece
    out = turned.contiguous().view(*x.shape[:-1], -1)
    return out if bias is None else out.add_(bias)


def _in_slices(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Multiply with one slice of a wide matrix after the other, each into its columns of the result."""
    rows = x.reshape(-1, x.shape[-1])
    out = rows.new_empty(len(rows), len(weight))
    for start in range(0, len(weight), _SLICE):
        torch.mm(rows, weight[start : start + _SLICE].t(), out=out[:, start : start + _SLICE])
    shaped = out.view(*x.shape[:-1], -1)
    return shaped if bias is None else shaped.add_(bias)
