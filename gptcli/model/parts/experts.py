"""A mixture of experts: which ones a token visits, how much each counts, and what they give.

Rows below are visits: n = B T tokens with A experts each. They are sorted by expert, so that each expert's rows lie
together; whatever the routing, the same tensors are allocated.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gptcli.architecture import Sizes, size
from gptcli.architecture.axes import A, E
from gptcli.architecture.parts import experts
from gptcli.model.parts.activations import BY_NAME
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of

Runs = list[tuple[int, int, int]]  # of rows: their expert, the first of them, the one after the last
_LEAST_SUM = 1e-20  # what shares are divided by is at least this; DeepSeek-AI 2024, in its code


@leaf_of(experts.ExpertChoice)
class ExpertChoice(Leaf):
    """The experts with the highest scores, of the best groups where there are groups.

    Sparsemixer chooses so too: the random choice that its authors train with is left out.
    """

    correction: Tensor

    def __init__(self, part: experts.ExpertChoice, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.amount = size(A, sizes)

    @torch.no_grad()
    def forward(self, logits: Tensor) -> Tensor:
        """(B, T, E) -> (B, T, A) integers, the best first."""
        part = self.part
        scores = logits
        if part.correction != "none" or part.groups > 1:
            scores = _scores(part.router, logits)  # (B, T, E)
        if part.correction != "none":
            scores = scores + self.correction
        if part.groups > 1:
            scores = self._in_best_groups(scores)
        chosen: Tensor = scores.topk(self.amount, dim=-1).indices
        return chosen

    def _in_best_groups(self, scores: Tensor) -> Tensor:
        """(B, T, E) -> the same, with minus infinity outside the best groups."""
        part = self.part
        grouped = scores.view(*scores.shape[:-1], part.groups, -1)  # (B, T, groups, E / groups)
        best = grouped.topk(min(part.group_score, grouped.shape[-1]), dim=-1).values.sum(-1)  # (B, T, groups)
        chosen = best.topk(part.top_groups, dim=-1).indices  # (B, T, top_groups)
        left = torch.ones_like(best, dtype=torch.bool).scatter_(-1, chosen, False)  # (B, T, groups)
        return grouped.masked_fill(left[..., None], float("-inf")).flatten(-2)


@leaf_of(experts.ExpertShares)
class ExpertShares(Leaf):
    """How much each chosen expert counts."""

    def forward(self, logits: Tensor, chosen: Tensor) -> Tensor:
        """(B, T, E) and (B, T, A) -> (B, T, A)."""
        part = self.part
        if part.router == "sparsemixer":
            shares = _near_the_best(logits, chosen, part.jitter)
        elif part.router in ("softmax_chosen", "sigmoid_input"):
            shares = _scores(part.router, _picked(logits, chosen))
        else:
            shares = _picked(_scores(part.router, logits), chosen)
        if part.renormalize:
            shares = shares / shares.sum(-1, keepdim=True).clamp(min=max(part.least, _LEAST_SUM))
        if part.scale != 1:
            shares = torch.ops.aten.mul.Scalar(shares, part.scale)  # no tensor of it is kept, as `*` would
        return shares.to(logits.dtype)


@leaf_of(experts.Experts)
class Experts(Leaf):
    """The chosen experts' feed forwards, summed by their shares.

    Attributes:
        products: what multiplies with the matrices of a name; `gptcli.model.products` puts faster ones in these places.
    """

    down_proj: nn.Parameter

    def __init__(self, part: experts.Experts, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.first = "gate_up_proj" if part.gated else "up_proj"
        self.amount = size(E, sizes)
        self.activation = BY_NAME[part.activation]
        self.products: dict[str, GroupedProduct] = dict.fromkeys((self.first, "down_proj"), grouped)

    def matrices(self) -> list[tuple[str, Tensor]]:
        """Return the matrices of all experts (E, out, in) by their names."""
        return [(name, getattr(self, name)) for name in self.products]

    def forward(self, x: Tensor, chosen: Tensor, shares: Tensor) -> Tensor:
        """(B, T, C), (B, T, A) and (B, T, A) -> (B, T, C)."""
        tokens, visits = x.view(-1, x.shape[-1]), chosen.shape[-1]  # (n, C)
        if len(tokens) == 1:
            runs = [(expert, row, row + 1) for row, expert in enumerate(_integers(chosen.view(-1), self.amount))]
            mixed = self._visited(tokens.expand(visits, -1), shares.view(-1, 1), runs).sum(0)  # (C,)
            return mixed.view_as(x)
        order = chosen.view(-1).argsort(stable=True)  # (nA,)
        token = order // visits  # (nA,)
        runs = _runs(_counts(chosen, self.amount))
        given = self._visited(_rows(tokens, token), _picked(shares.view(-1), order)[:, None], runs)  # (nA, C)
        return _added(given, token, len(tokens)).view(x.shape)

    def _visited(self, rows: Tensor, shares: Tensor, runs: Runs) -> Tensor:
        """(nA, C) and (nA, 1) -> (nA, C): what each row's expert gives, times its share."""
        if self.part.scaled_input:
            return self._expert(rows * shares, runs)
        return self._expert(rows, runs) * shares

    def _expert(self, rows: Tensor, runs: Runs) -> Tensor:
        hidden = self._product(self.first, rows, runs)  # (nA, 2M or M)
        return self._product("down_proj", self._activated(hidden), runs)

    def _activated(self, hidden: Tensor) -> Tensor:
        """(nA, 2M) -> (nA, M), a gate times its partner; without gates (nA, M) -> (nA, M)."""
        part = self.part
        if not part.gated:
            return self.activation(hidden)
        gate, up = hidden.chunk(2, dim=-1)  # (nA, M) each
        if not part.limit:
            return self.activation(gate) * up
        gate, up = gate.clamp(max=part.limit), up.clamp(-part.limit, part.limit)
        return (up + 1) * (gate * torch.sigmoid(torch.ops.aten.mul.Scalar(gate, part.alpha)))

    def _product(self, name: str, rows: Tensor, runs: Runs) -> Tensor:
        """(nA, in) -> (nA, out), each row with the matrix of its expert."""
        weight, bias = getattr(self, name), getattr(self, f"{name}_bias", None)  # (E, out, in), (E, out)
        if not rows.is_meta and torch.is_autocast_enabled(rows.device.type):
            dtype = torch.get_autocast_dtype(rows.device.type)
            rows, weight, bias = rows.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        if torch.is_grad_enabled():
            return _Grouped.apply(rows, weight, bias, runs)  # type: ignore[no-any-return, no-untyped-call]
        return self.products[name](rows, weight, bias, runs)


# Rows (nA, in), matrices (E, out, in), their biases (E, out) or None, and which rows are whose -> (nA, out).
GroupedProduct = Callable[[Tensor, Tensor, Tensor | None, Runs], Tensor]


def grouped(rows: Tensor, weight: Tensor, bias: Tensor | None, runs: Runs) -> Tensor:
    """Multiply each run of rows with the transpose of its expert's matrix, and add its bias."""
    out = rows.new_empty(len(rows), weight.shape[1])
    for expert, start, end in runs:
        multiplied(rows[start:end], weight[expert], None if bias is None else bias[expert], out[start:end])
    return out


def multiplied(rows: Tensor, matrix: Tensor, bias: Tensor | None, out: Tensor) -> None:
    """Put (m, in) times the transpose of (out, in), plus (out), in its place (m, out)."""
    if bias is None:
        torch.mm(rows, matrix.t(), out=out)
    else:
        torch.addmm(bias, rows, matrix.t(), out=out)


class _Grouped(torch.autograd.Function):
    """The product of each run of rows with its expert's matrix.

    Written as one function, so that what it keeps and its gradients are of one size whatever the routing.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None, runs: Runs) -> Tensor:
        ctx.save_for_backward(rows, weight)
        ctx.runs, ctx.biased = runs, bias is not None
        return grouped(rows, weight, bias, runs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        (grad,) = grads
        rows, weight = ctx.saved_tensors
        to_rows = torch.empty_like(rows) if ctx.needs_input_grad[0] else None
        to_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        to_bias = grad.new_zeros(weight.shape[:2]) if ctx.biased and ctx.needs_input_grad[2] else None
        for expert, start, end in ctx.runs:
            own = grad[start:end]  # (m, out)
            if to_rows is not None:
                torch.mm(own, weight[expert], out=to_rows[start:end])
            if to_weight is not None:
                torch.mm(own.t(), rows[start:end], out=to_weight[expert])
            if to_bias is not None:
                torch.sum(own, 0, out=to_bias[expert])
        return to_rows, to_weight, to_bias, None


class _Picked(torch.autograd.Function):
    """Numbers at distinct places of the last dimension.

    torch's ``gather`` keeps what it reads from until the backward pass; the places are enough.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.shape = x.shape
        return x.gather(-1, places)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,), (places,) = grads, ctx.saved_tensors
        return grad.new_zeros(ctx.shape).scatter_(-1, places, grad), None


class _Rows(torch.autograd.Function):
    """Rows of a matrix, some of them several times.

    What the backward of torch's index allocates depends on the kind of tensor; here it is one tensor of x's shape.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.shape = x.shape
        return x[places]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,), (places,) = grads, ctx.saved_tensors
        return grad.new_zeros(ctx.shape).index_add_(0, places, grad), None


class _Added(torch.autograd.Function):
    """Rows added up at some places.

    torch's ``index_add`` keeps the rows until the backward pass; the places are enough.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, places: Tensor, amount: int) -> Tensor:
        ctx.save_for_backward(places)
        return rows.new_zeros(amount, rows.shape[1]).index_add_(0, places, rows)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (grad,), (places,) = grads, ctx.saved_tensors
        return grad[places], None, None


def _picked(x: Tensor, places: Tensor) -> Tensor:
    """(..., E) and integers (..., A) -> (..., A)."""
    if not torch.is_grad_enabled():
        return x.gather(-1, places)
    return _Picked.apply(x, places)  # type: ignore[no-any-return, no-untyped-call]


def _rows(x: Tensor, places: Tensor) -> Tensor:
    """(n, C) and integers (m) -> (m, C)."""
    if not torch.is_grad_enabled():
        return x[places]
    return _Rows.apply(x, places)  # type: ignore[no-any-return, no-untyped-call]


def _added(rows: Tensor, places: Tensor, amount: int) -> Tensor:
    """(m, C) and integers (m) -> (n, C)."""
    if not torch.is_grad_enabled():
        return rows.new_zeros(amount, rows.shape[1]).index_add_(0, places, rows)
    return _Added.apply(rows, places, amount)  # type: ignore[no-any-return, no-untyped-call]


def _scores(router: str, logits: Tensor) -> Tensor:
    """(..., E) logits -> (..., E) scores, in fp32 at least."""
    dtype = torch.promote_types(logits.dtype, torch.float32)
    return logits.to(dtype).sigmoid() if router.startswith("sigmoid") else logits.softmax(-1, dtype=dtype)


def _near_the_best(logits: Tensor, chosen: Tensor, jitter: float) -> Tensor:
    """Return sparsemixer's shares (B, T, A): of each choice by a softmax over what is near it (Liu et al. 2024).

    Near is what differs from the best that is left by at most 2 jitter of the larger of both.
    """
    left = logits  # (B, T, E)
    shares = []
    choices = torch.split(chosen, 1, dim=-1)  # (B, T, 1) each
    for place, expert in enumerate(choices):
        if place > 0:
            left = left.scatter(-1, choices[place - 1], float("-inf"))
        far = _far(logits, left, expert, jitter)
        shares.append(_picked(left.masked_fill(far, float("-inf")).softmax(-1), expert))
    return torch.cat(shares, dim=-1)


@torch.no_grad()
def _far(logits: Tensor, left: Tensor, expert: Tensor, jitter: float) -> Tensor:
    """(B, T, E), (B, T, E) and (B, T, 1) -> (B, T, E): what is not near the best that is left."""
    best = left.gather(-1, expert)  # (B, T, 1)
    return (best - logits) / logits.abs().maximum(best) > 2 * jitter


def _counts(chosen: Tensor, amount: int) -> list[int]:
    """Return how many rows each expert has; of tensors without numbers, such as fake ones, equal shares."""
    if _has_numbers(chosen):
        counts: list[int] = chosen.view(-1).bincount(minlength=amount).tolist()
        return counts
    whole, rest = divmod(chosen.numel(), amount)
    return [whole + (expert < rest) for expert in range(amount)]


def _runs(counts: list[int]) -> Runs:
    found, start = [], 0
    for expert, count in enumerate(counts):
        if count:
            found.append((expert, start, start + count))
            start += count
    return found


def _integers(chosen: Tensor, amount: int) -> list[int]:
    """Return the numbers in (A,); of a tensor without numbers the first experts'."""
    if _has_numbers(chosen):
        numbers: list[int] = chosen.tolist()
        return numbers
    return [place % amount for place in range(len(chosen))]


def _has_numbers(tensor: Tensor) -> bool:
    return type(tensor) is Tensor and not tensor.is_meta
