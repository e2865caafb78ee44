"""A mixture of experts (Shazeer et al. 2017): a router chooses for each token a few of many feed forwards."""

from collections.abc import Sequence
from math import prod
from typing import ClassVar

from msgspec.structs import replace

from gptcli.architecture.axes import ONE, A, Dim, E, Shape, number
from gptcli.architecture.books import (
    BOOL,
    FP32,
    HALF_INPUTS,
    INDEX,
    PASSED_BACK,
    Amount,
    Conditions,
    Gradient,
    Kernel,
    Value,
    cast_weight,
    half,
    of_weight,
)
from gptcli.architecture.calls import Calls
from gptcli.architecture.parts.activations import BY_NAME
from gptcli.architecture.parts.part import GPT2_DEVIATION, Draw, Family, Part
from gptcli.architecture.products import MatrixProduct
from gptcli.config.model_config import Activation, Correction, Router


class ExpertChoice(Part, frozen=True, kw_only=True):
    """The numbers of the experts that each token visits, (B, T, A), the best first.

    Attributes:
        router: how scores are made of what the router gives.
        groups: experts lie in so many groups, of which a token visits some (DeepSeek-AI 2024, section 2.1.2).
        top_groups: how many.
        group_score: how many of its best experts make a group's score.
        correction: what is added to the scores for the choice alone: a parameter, a buffer, or nothing.
        jitter: sparsemixer's (Liu et al. 2024).
    """

    kind: ClassVar[str] = "expert_choice"
    family: ClassVar[Family] = "experts"
    sentence: ClassVar[str] = "Chooses for each token the experts with the highest scores."

    router: Router
    groups: int = 1
    top_groups: int = 1
    group_score: int = 2
    correction: Correction = "none"
    jitter: float = 0.0

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        return {"correction": (E,)} if self.correction == "parameter" else {}

    def trains(self, name: str) -> bool:  # noqa: D102
        return False  # a choice passes no gradient back; transformers' parameter requires none

    def buffers(self) -> dict[str, Shape]:  # noqa: D102
        return {"correction": (E,)} if self.correction == "buffer" else {}

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:  # noqa: D102
        return (Draw("correction", "zeros"),) if self.weights() else ()

    def formula(self) -> str:  # noqa: D102
        groups = f" of the best {self.top_groups} of {self.groups} groups" if self.groups > 1 else ""
        corrected = " + correction" if self.correction != "none" else ""
        return f"the A largest of x{corrected}{groups}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        (logits,) = reads
        calls = Calls(self.label, out, reads, given)
        scores = replace(logits, grad=False)
        if self.correction != "none" or self.groups > 1:
            scores = _scores(calls, self.router, scores)
        if self.correction != "none":
            scores = calls.constant("corrected", scores.shape, FP32, (scores,))
        if self.groups > 1:
            scores = self._in_best_groups(calls, scores)
        _largest(calls, "", scores, self.shape)
        return calls.done()

    def _in_best_groups(self, calls: Calls, scores: Value) -> Value:
        """Make minus infinity of the scores outside the best groups."""
        lead = scores.shape[:-1]
        groups = (*lead, number(self.groups))
        (amount,) = calls.sizes((E,))
        some = (*groups, number(min(self.group_score, amount // self.groups)))
        best = _largest(calls, "best", scores, some, indices=False)
        total = calls.constant("total", groups, FP32, (best,))
        chosen = _largest(calls, "groups", total, (*lead, number(self.top_groups)))
        left = calls.constant("left", groups, BOOL, (total,))
        kept = calls.constant("kept", scores.shape, FP32, (scores, left))
        calls.hold(total, chosen)
        return kept


class ExpertShares(Part, frozen=True, kw_only=True):
    """How much each chosen expert counts, (B, T, A).

    Attributes:
        router: how scores are made of what the router gives.
        renormalize: whether the scores are divided by their sum.
        least: what the sum is at least.
        scale: what they are multiplied with.
        jitter: sparsemixer's.
    """

    kind: ClassVar[str] = "expert_shares"
    family: ClassVar[Family] = "experts"
    sentence: ClassVar[str] = "Says for each token how much each of its experts counts."

    router: Router
    renormalize: bool = False
    least: float = 0.0
    scale: float = 1.0
    jitter: float = 0.0

    def formula(self) -> str:  # noqa: D102  # as in the base class
        scores = {
            "softmax": "softmax(x)[chosen]",
            "softmax_chosen": "softmax(x[chosen])",
            "sigmoid": "sigmoid(x)[chosen]",
            "sigmoid_input": "sigmoid(x[chosen])",
            "sparsemixer": "softmax(near the best)[chosen]",
        }[self.router]
        parted = " / their sum" if self.renormalize else ""
        return f"{scores}{parted}{f' * {self.scale:g}' if self.scale != 1 else ''}"

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return ()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        logits, chosen = reads
        calls = Calls(self.label, out, reads, given)
        if self.router == "sparsemixer":
            shares = _near_the_best(calls, logits, chosen)
        elif self.router in ("softmax_chosen", "sigmoid_input"):
            picked = _picked(calls, "picked", logits, chosen)
            shares = _scores(calls, self.router, picked)
        else:
            shares = _picked(calls, "picked", _scores(calls, self.router, logits), chosen)
        if self.renormalize:
            shares = self._renormalized(calls, shares)
        if self.scale != 1:
            shares = calls.scaled("scaled", shares)
        if shares.item != logits.item:
            calls.mapped("", shares, item=logits.item)
        else:
            calls.same("", shares)
        return calls.done()

    @staticmethod
    def _renormalized(calls: Calls, shares: Value) -> Value:
        """``shares / shares.sum(-1).clamp(min)``."""
        total = calls.summed("total", shares, (*shares.shape[:-1], ONE))
        return calls.divided("renormalized", shares, calls.cut("least", total, sides=1))


class Experts(Part, frozen=True, kw_only=True):
    """The chosen experts' feed forwards, summed by their shares; the weights of all lie in one tensor each.

    Attributes:
        inputs: width of the stream.
        width: of an expert.
        activation: of its gate, or of its one hidden layer.
        gated: whether it multiplies with a gate.
        bias: whether its layers have biases.
        scaled_input: whether shares scale what an expert reads, not what it gives.
        limit: gates are cut at this, partners at plus and minus this and then plus 1; 0 leaves them.
        alpha: steepness of the sigmoid in a cut gate.
    """

    kind: ClassVar[str] = "experts"
    family: ClassVar[Family] = "experts"
    sentence: ClassVar[str] = "Each token goes through its chosen experts; what they give is added up by their shares."

    inputs: Dim
    width: Dim
    activation: Activation
    gated: bool = True
    bias: bool = False
    scaled_input: bool = False
    limit: float = 0.0
    alpha: float = 1.702

    @property
    def hidden(self) -> Dim:
        """Outputs of an expert's first layer: gate, then its partner."""
        return 2 * self.width if self.gated else self.width

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        first = "gate_up_proj" if self.gated else "up_proj"
        own: dict[str, Shape] = {first: (E, self.hidden, self.inputs)}
        if self.bias:
            own[f"{first}_bias"] = (E, self.hidden)
        own["down_proj"] = (E, self.inputs, self.width)
        if self.bias:
            own["down_proj_bias"] = (E, self.inputs)
        return own

    def visited(self, shape: Shape) -> Shape:  # noqa: D102
        return (A, *shape[1:])

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:  # noqa: D102
        found = []
        for name in self.weights():
            to_residual = name == "down_proj"
            if name.endswith("bias"):
                found.append(Draw(name, "zeros"))
            elif scheme != "torch":
                found.append(Draw(name, "normal", residual_deviation if to_residual else GPT2_DEVIATION))
            else:  # each as a torch.nn.Linear
                found.append(Draw(name, "uniform", self.width if to_residual else self.inputs))
        return tuple(found)

    def formula(self) -> str:  # noqa: D102
        return (
            "sum of share * (act(x @ gate.T) * (x @ up.T)) @ down.T"
            if self.gated
            else ("sum of share * act(x @ up.T) @ down.T")
        )

    def products(self) -> tuple[MatrixProduct, ...]:  # noqa: D102
        return (
            MatrixProduct("tokens", (A, self.inputs, self.hidden)),
            MatrixProduct("tokens", (A, self.width, self.inputs)),
        )

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:  # noqa: D102
        x, chosen, shares = reads
        calls = Calls(self.label, out, reads, given)
        visits = (*x.shape[:-1], A)
        if prod(calls.sizes(x.shape[:-1])) == 1:
            rows = calls.expanded("rows", x, (*visits[1:], self.inputs))
            mixed = self._visited(calls, given, rows, calls.reshaped("each", shares, (*visits[1:], ONE)))
            calls.summed("", mixed, x.shape)  # over the visits
            return calls.done()
        order = _largest(calls, "order", chosen, visits)  # sorted numbers and where they were
        token = calls.constant("token", visits, INDEX, (order,))
        calls.constant("counts", (E,), INDEX, (chosen,))
        rows = calls.call(
            Value(calls.name("rows"), x.item, (*visits, self.inputs), None, x.grad),
            (x, token),
            saves=(token.name,),
            gradients=(Gradient(Amount(PASSED_BACK, x.shape, x.item), x.name),),
        )
        each = _picked(calls, "each", shares, order)
        mixed = self._visited(calls, given, rows, replace(each, shape=(*visits, ONE)))
        back = Gradient(Amount(PASSED_BACK, mixed.shape, mixed.item), mixed.name)
        calls.call(Value(calls.name(""), mixed.item, x.shape), (mixed, token), saves=(token.name,), gradients=(back,))
        return calls.done(order, token)

    def _visited(self, calls: Calls, given: Conditions, rows: Value, shares: Value) -> Value:
        """Make what each row's expert gives, times its share."""
        taken = calls.times("scaled", rows, shares) if self.scaled_input else rows
        hidden = self._product(calls, given, "hidden", next(iter(self.weights())), taken)
        active = self._activated(calls, hidden)
        mixed = self._product(calls, given, "down", "down_proj", active)
        calls.hold(taken, hidden)
        if not self.scaled_input:
            mixed = calls.times("mixed", mixed, shares)
        calls.hold(rows, shares)
        return mixed

    def _activated(self, calls: Calls, hidden: Value) -> Value:
        made = BY_NAME[self.activation]
        if not self.gated:
            return made(calls, "active", hidden)
        shape = (*hidden.shape[:-1], self.width)
        lies = calls.strides(hidden)
        gate, up = (Value(calls.name(step), hidden.item, shape, lies, hidden.grad) for step in ("gate", "up"))
        calls.split((gate, up), hidden)
        if not self.limit:
            return calls.times("active", made(calls, "act", gate), up)
        gate, up = calls.cut("gate:cut", gate, sides=1), calls.cut("up:cut", up)
        more = calls.shifted("more", up)
        steep = calls.mapped("sigmoid", calls.scaled("steep", gate), saves="result")
        active = calls.times("active", more, calls.times("open", gate, steep))
        calls.hold(gate, up)
        return active

    def _product(self, calls: Calls, given: Conditions, step: str, name: str, rows: Value) -> Value:
        """Make the product of every row with its expert's matrix; autocast casts the matrices of all experts."""
        own = {each: shape for each, shape in self.weights().items() if each in (name, f"{name}_bias")}
        source, halves = rows, []
        if rows.item != given.item:
            source = calls.mapped(f"{step}:input", rows, item=given.item, label=HALF_INPUTS)
        if given.autocast:
            calls.kernels += [cast_weight(calls.name(each), shape, given, cached=False) for each, shape in own.items()]
            halves = [Value(half(calls.name(each)), given.item, shape) for each, shape in own.items()]
        of_rows = Gradient(Amount(PASSED_BACK, source.shape, given.item), source.name)
        of_weights = [of_weight(calls.name(each), shape, given) for each, shape in own.items()]
        value = Value(calls.name(step), given.item, (*rows.shape[:-1], own[name][1]), None, grad=True)
        saves = (source.name, *(half.name for half in halves[:1]))
        made = calls.call(value, (source, *halves), saves=saves, gradients=(of_rows, *of_weights))
        calls.hold(rows)
        return made


def _scores(calls: Calls, router: Router, logits: Value) -> Value:
    """Make scores of logits, in fp32 at least; what they are made of goes when they are there."""
    wide = logits if logits.item == FP32 else calls.mapped("scores:wide", logits, item=FP32)
    scores = calls.mapped("scores", wide, saves="result", lies=router.startswith("sigmoid"))
    calls.hold(logits)
    return scores


def _largest(calls: Calls, step: str, x: Value, shape: Shape, *, indices: bool = True) -> Value:
    """``topk`` or ``sort``: the largest numbers, then where they are; one of both is taken, the other goes."""
    names = (f"{step}:numbers", step) if indices else (step, f"{step}:places")
    numbers = calls.constant(names[0], shape, x.item, (x,))
    places = calls.constant(names[1], shape, INDEX, (x,))
    calls.hold(numbers)
    return places if indices else numbers


def _picked(calls: Calls, step: str, x: Value, places: Value) -> Value:
    """Numbers at some places; their gradient is zero elsewhere."""
    back = Gradient(Amount(PASSED_BACK, x.shape, x.item), x.name)
    value = Value(calls.name(step), x.item, places.shape, None, x.grad)
    return calls.call(value, (x, places), saves=(places.name,), gradients=(back,))


def _near_the_best(calls: Calls, logits: Value, chosen: Value) -> Value:
    """Sparsemixer's shares: for each choice a softmax over what is near the best that is left."""
    (visits,) = calls.sizes((A,))
    one = replace(chosen, shape=(*chosen.shape[:-1], ONE))
    left, shares = logits, []
    for place in range(visits):
        far = _far(calls, f"{place}", logits, one)
        near = calls.masked(f"{place}:near", left, far)
        scores = calls.mapped(f"{place}:scores", near, saves="result", lies=False)
        shares.append(_picked(calls, f"{place}:share", scores, one))
        calls.hold(far)
        if place + 1 < visits:
            before, left = left, calls.masked(f"{place}:left", left, one)
            calls.hold(before, far)
    joined = calls.joined("joined", shares, chosen.shape)
    calls.hold(left, *shares)
    return joined


def _far(calls: Calls, step: str, logits: Value, one: Value) -> Value:
    """Make what is not near the best that is left."""
    shape = logits.shape
    best = calls.constant(f"{step}:best", one.shape, logits.item, (logits,))
    apart = calls.constant(f"{step}:apart", shape, logits.item, (best,))
    size = calls.constant(f"{step}:size", shape, logits.item, (logits,))
    larger = calls.constant(f"{step}:larger", shape, logits.item, (size, best))
    ratio = calls.constant(f"{step}:ratio", shape, logits.item, (apart, larger))
    far = calls.constant(f"{step}:far", shape, BOOL, (ratio,))
    calls.hold(best)
    return far
