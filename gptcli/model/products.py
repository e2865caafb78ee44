"""The fastest matrix product for as many tokens as there are: on the CPU, without gradients.

``F.linear`` hands each product to the BLAS library whole. MKL, which torch brings on x86, then multiplies a single row
on one thread, and shares a matrix of very many outputs badly among several where there are many rows. On processors
that are not Intel's it also multiplies some rows with a matrix slower than the matrix with these rows, turned. Here
these products are asked for in pieces, each written into its place of the result: a pass takes what `gptcli memory`
says on every machine. `python -m benchmarks --only products` prints what the pieces gain. Results differ from
``F.linear`` by rounding, if at all.
"""

import threading

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptcli import processor
from gptcli.architecture.books import WIDENED_ROWS
from gptcli.model.gpt import GPT
from gptcli.model.parts.experts import Experts, Runs, grouped, multiplied
from gptcli.model.parts.linear import Linear

_MANY_ROWS = 384  # from here on slices of a wide matrix are faster than the whole
_LEAST_PARTS = 8  # a few for each thread, so that none waits long for another
_SLICE = 1024  # outputs of a wide matrix at a time
_WIDE = 8 * _SLICE  # outputs from which that pays: the output head, not the layers of a block

_MOST_TURNED = 128  # rows up to which the turned product is faster
_LEAST_TURNED = 2**16  # numbers in a matrix from which it is worth its calls
_TURNED_SPACE = 2**17  # numbers of a turned result at a time; they stay in a core's cache

_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


def choose_products(model: GPT) -> None:
    """Let linear layers and experts multiply the fastest way, where there is a choice: on the CPU.

    A network on the explicit attention path is left alone: it is there to be compared with other people's networks, to
    the last bit where that can be.
    """
    weight = next(model.parameters())
    if weight.device.type != "cpu" or model.network.attention != "sdpa":
        return
    turn = processor.is_not_intel() and type(weight) is nn.Parameter  # fake ones are of another type
    if turn:
        room()  # made before a pass, which would count it
    mkl = weight.dtype == torch.float32 and torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    for module in model.modules():
        if isinstance(module, Experts) and mkl:
            module.products = {name: ExpertProduct(matrices, turn) for name, matrices in module.matrices()}
        elif isinstance(module, Linear) and mkl:
            module.product = Product(module.weight, turn)
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
        turn: whether a few rows are multiplied as `turned` does.
    """

    def __init__(self, weight: Tensor, turn: bool = False) -> None:
        self._outputs, self._inputs = weight.shape
        self._weight = weight
        self._parts = max(_LEAST_PARTS, torch.get_num_threads())
        self._most_turned = _most_turned(weight, turn)
        self._body = self._outputs - self._outputs % self._parts  # outputs in equal parts; the rest is done apart
        # (parts, in, out / parts)
        self._matrices = weight.detach()[: self._body].view(self._parts, -1, self._inputs).transpose(1, 2)

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(..., in), (out, in), (out) -> (..., out); as ``F.linear`` for gradients and for another matrix."""
        if weight is not self._weight or torch.is_grad_enabled():
            return F.linear(x, weight, bias)
        rows = x.numel() // self._inputs
        if rows == 1:
            return self._one_row(x, weight, bias)
        if rows <= self._most_turned and x.is_contiguous():
            out = x.new_empty(*x.shape[:-1], self._outputs)
            turned(x.view(rows, -1), weight, bias, out.view(rows, -1))
            return out
        if rows >= _MANY_ROWS and self._outputs >= _WIDE:
            return _in_slices(x, weight, bias)
        return F.linear(x, weight, bias)

    def _one_row(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Multiply with equal parts of the outputs side by side, as a batch of products that the threads share."""
        rows = (x if x.dim() <= 3 else x.reshape(1, -1)).expand(self._parts, 1, -1)  # (parts, 1, in)
        if self._body == self._outputs:
            out = torch.bmm(rows, self._matrices).view(*x.shape[:-1], -1)  # (..., out)
        else:
            out = x.new_empty(*x.shape[:-1], self._outputs)
            results = out.view(-1)  # (out)
            torch.bmm(rows, self._matrices, out=results[: self._body].view(self._parts, 1, -1))
            torch.mv(weight[self._body :], rows[0, 0], out=results[self._body :])
        return out if bias is None else out.add_(bias)


class ExpertProduct:
    """The products with the matrices of experts, whose views are made once: asking for them takes longer than few rows.

    A run of one row is multiplied in equal parts as a batch, as in `Product`.

    Args:
        weight: (E, out, in).
        turn: whether a few rows are multiplied as `turned` does.
    """

    def __init__(self, weight: Tensor, turn: bool = False) -> None:
        amount, outputs, inputs = weight.shape
        self._weight = weight
        self._parts = max(_LEAST_PARTS, torch.get_num_threads())
        self._most_turned = _most_turned(weight[0], turn)
        whole = weight.detach()
        self._matrices = whole.unbind()  # E times (out, in)
        self._in_parts: tuple[Tensor, ...] = ()  # E times (parts, in, out / parts)
        if outputs % self._parts == 0:
            self._in_parts = whole.view(amount, self._parts, -1, inputs).transpose(2, 3).unbind()

    def __call__(self, rows: Tensor, weight: Tensor, bias: Tensor | None, runs: Runs) -> Tensor:
        """(n, in), (E, out, in), (E, out) -> (n, out), each run of rows with the matrix of its expert."""
        if weight is not self._weight:
            return grouped(rows, weight, bias, runs)
        out = rows.new_empty(rows.shape[0], weight.shape[1])
        lengths = [end - start for _, start, end in runs]
        for (expert, start, end), some, place in zip(
            runs, torch.split(rows, lengths), torch.split(out, lengths), strict=True
        ):
            own = None if bias is None else bias[expert]  # (out)
            if end - start == 1 and self._in_parts:
                results = place.view(self._parts, 1, -1)  # (parts, 1, out / parts)
                torch.bmm(some.expand(self._parts, 1, -1), self._in_parts[expert], out=results)
                if own is not None:
                    place.add_(own)
            elif end - start <= self._most_turned:
                turned(some, self._matrices[expert], own, place)
            else:
                multiplied(some, self._matrices[expert], own, place)
        return out


class _Space(threading.local):
    """Room for turned results, one a thread; made once, so that no pass allocates it."""

    def __init__(self) -> None:
        self.numbers = torch.empty(_TURNED_SPACE)


_space = _Space()


def room() -> Tensor:
    """Return the room of this thread."""
    return _space.numbers


def turned(rows: Tensor, matrix: Tensor, bias: Tensor | None, out: Tensor) -> None:
    """Put (m, in) times the transpose of (out, in), plus (out), in its place (m, out).

    What is multiplied is (out, in) times (in, m), some outputs at a time, whose results are turned while they are in
    the cache.
    """
    amount, columns, space = rows.shape[0], rows.t(), room()
    step = space.shape[0] // amount
    for start in range(0, matrix.shape[0], step):
        some, place = matrix[start : start + step], out[:, start : start + step]
        result = space[: place.numel()].view(-1, amount)  # (outputs, m)
        torch.mm(some, columns, out=result)
        if bias is None:
            place.copy_(result.t())
        else:
            torch.add(result.t(), bias[start : start + step], out=place)


def _most_turned(matrix: Tensor, turn: bool) -> int:
    """Return up to how many rows are multiplied with an (out, in) matrix as `turned` does."""
    return _MOST_TURNED if turn and matrix.numel() >= _LEAST_TURNED else 0


def _in_slices(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Multiply with one slice of a wide matrix after the other, each into its columns of the result."""
    rows = x.reshape(-1, x.shape[-1])
    out = rows.new_empty(len(rows), len(weight))
    for start in range(0, len(weight), _SLICE):
        torch.mm(rows, weight[start : start + _SLICE].t(), out=out[:, start : start + _SLICE])
    shaped = out.view(*x.shape[:-1], -1)
    return shaped if bias is None else shaped.add_(bias)
