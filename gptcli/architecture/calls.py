"""Torch's calls in symbols: what each makes, keeps and passes back, so that a part lists them as its leaf makes them.

The rules are those of torch 2.13's ``tools/autograd/derivatives.yaml``; ``tests/analysis/test_calls.py`` holds each
against what torch allocates.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import mul

from msgspec.structs import replace

from gptcli.architecture.axes import ONE, Shape, number, shape_sizes
from gptcli.architecture.books import (
    BOOL,
    FP32,
    HALF_INPUTS,
    PASSED_BACK,
    TEMPORARIES,
    Amount,
    Conditions,
    Gradient,
    Kernel,
    Permuted,
    Reshaped,
    Temporary,
    Value,
    of_parameter,
)
from gptcli.architecture.strides import Numbers, contiguous, dense_like, permuted, viewed

_NOTHING = number(0)


class Calls:
    """The calls of a part in order.

    Values are named after the part and a step; the step ``""`` is the part's own value.

    Args:
        label: what its tensors are called in the ledger.
        out: the name of the part's value.
        reads: what it reads.
        given: the conditions.

    Attributes:
        kernels: what was called so far.
    """

    def __init__(self, label: str, out: str, reads: Sequence[Value], given: Conditions) -> None:
        self.label = label
        self.kernels: list[Kernel] = []
        self._out = out
        self._reads = reads
        self._given = given
        self._arriving: set[str] = set()

    # What is there

    def name(self, step: str) -> str:
        """Return the name of a step's value."""
        return f"{self._out}.{step}" if step else self._out

    def sizes(self, shape: Shape) -> Numbers:
        """Return a shape in numbers."""
        return shape_sizes(shape, self._given.sizes)

    def strides(self, value: Value) -> Numbers:
        """Return how a value lies."""
        return value.strides or contiguous(self.sizes(value.shape))

    def parameter(self, name: str, shape: Shape) -> Value:
        """Return a parameter of the part as a value."""
        return Value(f"{self._out}.{name}", self._given.stream_item, shape)

    def constant(self, step: str, shape: Shape, item: int, reads: Iterable[Value] = (), label: str = "") -> Value:
        """Make a tensor that needs no gradient."""
        value = Value(self.name(step), item, shape, grad=False)
        names = tuple(read.name for read in reads)
        self._add(value, (Amount(label or self.label, shape, item),), names, differentiable=False)
        return value

    # Views

    def permuted(self, step: str, x: Value, dims: Sequence[int]) -> Value:
        """``x.permute(dims)``, ``x.transpose``."""
        shape = tuple(x.shape[dim] for dim in dims)
        strides = permuted(self.strides(x), dims)
        back = tuple(list(dims).index(dim) for dim in range(len(dims)))
        value = Value(self.name(step), x.item, shape, strides, x.grad)
        self._view(value, x, inverse=Permuted(self.sizes(shape), back))
        return value

    def reshaped(self, step: str, x: Value, shape: Shape, label: str = "") -> Value:
        """``x.reshape(shape)``: a view where it can be, else a copy."""
        before, after = self.sizes(x.shape), self.sizes(shape)
        inverse = Reshaped(after, before, Amount(PASSED_BACK, x.shape, x.item))
        strides = viewed(before, self.strides(x), after)
        if strides is not None:
            value = Value(self.name(step), x.item, shape, strides, x.grad)
            self._view(value, x, inverse=inverse)
            return value
        value = Value(self.name(step), x.item, shape, None, x.grad)
        made = (Amount(label or self.label, x.shape, x.item),)
        self._add(value, made, (x.name,), inverse=inverse, differentiable=x.grad)
        return value

    def sliced(self, step: str, x: Value, shape: Shape, every: int = 1) -> Value:
        """``x[..., start:end:every]``: its gradient is all of x's, zero elsewhere."""
        if self.sizes(shape) == self.sizes(x.shape):  # the leaf takes it as it is
            return self.same(step, x)
        *outer, last = self.strides(x)
        value = Value(self.name(step), x.item, shape, (*outer, every * last), x.grad)
        back = Gradient(Amount(PASSED_BACK, x.shape, x.item), x.name)
        self._view(value, x, gradients=(back,) if x.grad else ())
        return value

    def split(self, values: Sequence[Value], x: Value) -> None:
        """``x.chunk`` or ``x.split``: views, whose gradients one call joins."""
        back = (Gradient(Amount(PASSED_BACK, x.shape, x.item), x.name),) if x.grad else ()
        names = tuple(value.name for value in values)
        self.kernels.append(
            Kernel(outs=names, reads=(x.name,), view_of=x.name, gradients=back, differentiable=x.grad, value=values[0])
        )

    def same(self, step: str, x: Value, *others: Value) -> Value:
        """Another name for a value; ``others`` are let go of here."""
        value = replace(x, name=self.name(step))
        self._view(value, x)
        self.hold(*others)
        return value

    def expanded(self, step: str, x: Value, shape: Shape) -> Value:
        """``x.expand(shape)``: its gradient is a sum."""
        before, after = self.sizes(x.shape), self.sizes(shape)
        lead = len(after) - len(before)
        strides = tuple(
            0 if dim < lead or (before[dim - lead] == 1 and after[dim] != 1) else self.strides(x)[dim - lead]
            for dim in range(len(after))
        )
        value = Value(self.name(step), x.item, shape, strides, x.grad)
        summed = before != after[lead:] or any(size != 1 for size in after[:lead])
        back = (Gradient(Amount(PASSED_BACK, x.shape, x.item), x.name),) if summed and x.grad else ()
        self._view(value, x, gradients=back)
        return value

    def merged(self, step: str, x: Value) -> Value:
        """``x.transpose(1, 2).flatten(2)``: (B, H, T, D) with the heads side by side."""
        batch, heads, tokens, width = x.shape
        return self.reshaped(step, self.permuted(f"{step}:turned", x, (0, 2, 1, 3)), (batch, tokens, heads * width))

    # One number for each

    def times(self, step: str, x: Value, y: Value, label: str = "") -> Value:
        """``x * y``."""
        value = self._elementwise(step, x, y)
        saves = (*((y.name,) if x.grad else ()), *((x.name,) if y.grad else ()))
        products: list[Gradient | Temporary] = []
        sums: list[Gradient | Temporary] = []
        for read in (y, x):  # torch makes that of the second factor first
            if read.grad:
                made, late = self._fitted(read, value)
                products += made
                sums = late + sums
        self._add_two(value, x, y, saves, (*products, *sums), label)
        # Of the two each is needed for the other's gradient alone.
        self.kernels[-1] = replace(self.kernels[-1], saved_for=((x.name, y.name), (y.name, x.name)))
        return value

    def plus(self, step: str, x: Value, y: Value, *, into: bool = False) -> Value:
        """``x + y``; with ``into`` what x holds is added to in place."""
        value = self._elementwise(step, x, y)
        gradients: list[Gradient | Temporary] = []
        for read in (x, y):
            if read.grad and (self.sizes(read.shape) != self.sizes(value.shape) or read.item != value.item):
                gradients.append(Gradient(Amount(PASSED_BACK, read.shape, read.item), read.name, late=True))
        if into:
            names = (x.name, y.name)
            self._add(value, (), names, view_of=x.name, gradients=tuple(gradients), differentiable=value.grad)
        else:
            self._add_two(value, x, y, (), tuple(gradients), "")
        return value

    def mapped(
        self,
        step: str,
        x: Value,
        *,
        saves: str = "",
        passing: int = 0,
        item: int | None = None,
        lies: bool = True,
        label: str = "",
    ) -> Value:
        """Make a number of each number.

        Args:
            step: of the value.
            x: what it is made of.
            saves: ``input`` or ``result``, or nothing.
            passing: how many whole temporaries its backward makes first.
            item: bytes of a number of the result, where they are not x's.
            lies: whether the result lies as x does; else it is contiguous.
            label: in the ledger.
        """
        bytes_ = x.item if item is None else item
        sizes = self.sizes(x.shape)
        strides = dense_like(sizes, self.strides(x)) if lies else None
        value = Value(self.name(step), bytes_, x.shape, strides, x.grad)
        back = Gradient(Amount(PASSED_BACK, x.shape, x.item), x.name, shape=sizes if lies else None)
        temporaries = (Temporary(Amount(TEMPORARIES, x.shape, bytes_)),) * passing
        kept = {"input": (x.name,), "result": (value.name,), "": ()}[saves] if x.grad else ()
        made = (Amount(label or self.label, x.shape, bytes_),)
        self._add(
            value, made, (x.name,), saves=kept, gradients=(*temporaries, back) if x.grad else (), differentiable=x.grad
        )
        return value

    def scaled(self, step: str, x: Value) -> Value:
        """``x * number``, or ``x / number``; the number is none that torch would keep as a tensor."""
        return self.mapped(step, x)

    def divided(self, step: str, x: Value, y: Value) -> Value:
        """``x / y``, y being broadcast; of y's gradient, ``-grad * ((x / y) / y)``, the sum is taken at last."""
        value = self._elementwise(step, x, y)
        whole = Amount(TEMPORARIES, value.shape, value.item)
        product = f"{y.name}:product"
        gradients = (
            *((Temporary(whole, until=product),) * 3),
            Temporary(whole, name=product, until=y.name),
            Gradient(Amount(PASSED_BACK, x.shape, x.item), x.name, shape=self.sizes(x.shape)),
            Gradient(Amount(PASSED_BACK, y.shape, y.item), y.name, late=True),
        )
        self._add_two(value, x, y, (x.name, y.name), gradients if value.grad else (), "")
        return value

    def summed(self, step: str, x: Value, shape: Shape) -> Value:
        """``x.sum``: what it passes back is the incoming gradient, expanded."""
        value = Value(self.name(step), x.item, shape, None, x.grad)
        self._add(value, (Amount(self.label, shape, x.item),), (x.name,), parts=True, differentiable=x.grad)
        return value

    def shifted(self, step: str, x: Value) -> Value:
        """``x + number``: what it passes back is the incoming gradient."""
        value = replace(x, name=self.name(step), strides=dense_like(self.sizes(x.shape), self.strides(x)))
        self._add(value, (Amount(self.label, x.shape, x.item),), (x.name,), differentiable=x.grad)
        return value

    def plus_one(self, step: str, weight: Value) -> Value:
        """``weight.float() + 1``: its gradient is the weight's, narrowed where the weight is."""
        value = Value(self.name(step), max(weight.item, FP32), weight.shape)
        made = (Amount(self.label, value.shape, value.item),)
        if value.item == weight.item:
            self._add(value, made, ())
            self.kernels[-1] = replace(self.kernels[-1], arrives=weight.name)
            self._arriving.add(value.name)
            return value
        wide = self.widened(f"{step}:wide", weight)
        self._add(value, made, (wide.name,))
        return value

    def widened(self, step: str, weight: Value) -> Value:
        """``weight.float()`` of a narrower parameter."""
        value = Value(self.name(step), FP32, weight.shape)
        made = (Amount(self.label, value.shape, FP32),)
        self._add(value, made, (), gradients=(of_parameter(weight.name, weight.shape, weight.item),))
        return value

    def laid_out(self, step: str, x: Value, label: str = "") -> Value:
        """``x.contiguous()``: a copy where x lies otherwise."""
        sizes = self.sizes(x.shape)
        if all(a == b for a, b, n in zip(self.strides(x), contiguous(sizes), sizes, strict=True) if n > 1):
            return self.same(step, x)
        value = replace(x, name=self.name(step), strides=None)
        made = (Amount(label or self.label, x.shape, x.item),)
        self._add(value, made, (x.name,), differentiable=x.grad)
        return value

    def cut(self, step: str, x: Value, *, sides: int = 2) -> Value:
        """``x.clamp(low, high)``, or one of both: its backward compares and chooses between the gradient and zero."""
        sizes = self.sizes(x.shape)
        value = replace(x, name=self.name(step), strides=dense_like(sizes, self.strides(x)))
        zero, compared = Amount(TEMPORARIES, (ONE,), x.item), Amount(TEMPORARIES, x.shape, BOOL)
        back = Gradient(Amount(PASSED_BACK, x.shape, x.item), x.name, shape=sizes)
        chosen = [Temporary(zero), *(Temporary(compared) for _ in range(sides))]
        return self.call(value, (x,), saves=(x.name,), gradients=(*chosen, back))

    def masked(self, step: str, x: Value, mask: Value) -> Value:
        """``x.masked_fill(mask, number)``."""
        strides = dense_like(self.sizes(x.shape), self.strides(x))
        value = Value(self.name(step), x.item, x.shape, strides, x.grad)
        back = Gradient(Amount(PASSED_BACK, x.shape, x.item), x.name, shape=self.sizes(x.shape))
        saves = (mask.name,) if x.grad else ()
        made = (Amount(self.label, x.shape, x.item),)
        self._add(value, made, (x.name, mask.name), saves=saves, gradients=(back,), differentiable=x.grad)
        return value

    def into(self, step: str, x: Value, *reads: Value, held: Sequence[Value] = ()) -> Value:
        """A call that writes into x, which needs no gradient."""
        value = replace(x, name=self.name(step))
        names = (x.name, *(read.name for read in (*reads, *held)))
        self._add(value, (), names, view_of=x.name, differentiable=False)
        return value

    # Whole calls

    def joined(self, step: str, values: Sequence[Value], shape: Shape) -> Value:
        """``torch.cat``: what it passes back are pieces of the incoming gradient."""
        value = Value(self.name(step), values[0].item, shape, None, any(each.grad for each in values))
        made = (Amount(self.label, shape, value.item),)
        self._add(value, made, tuple(each.name for each in values), parts=True, differentiable=value.grad)
        return value

    def joined_with(self, step: str, x: Value, own: Value, shape: Shape, whole: Shape) -> Value:
        """``torch.cat`` with a parameter that is spread out first: its gradient is a sum over that."""
        value = Value(self.name(step), x.item, whole, None)
        made = (Amount(self.label, whole, x.item),)
        spread = Kernel(
            outs=(f"{own.name}.spread",),
            made=(Amount(self.label, (_NOTHING,), 1),),
            gradients=(of_parameter(own.name, shape, own.item, viewed=True),),
        )
        self.kernels.append(spread)
        self._add(value, made, (x.name, spread.outs[0]), parts=True)
        return value

    def for_product(self, step: str, x: Value) -> Value:
        """Return what autocast makes of a product's input: a copy in half precision, where it is wider."""
        if not self._given.autocast or x.item <= self._given.item:
            return x
        return self.mapped(step, x, item=self._given.item, label=HALF_INPUTS)

    def product(self, step: str, x: Value, y: Value, label: str = "", copies: str = "") -> Value:
        """``x @ y`` of (..., n, k) and (..., k, m) with the same dimensions before: one batched product."""
        *batch, n, k = x.shape
        m = y.shape[-1]
        every = reduce(mul, batch)
        left = self.reshaped(f"{step}:left", x, (every, n, k), copies)
        right = self.reshaped(f"{step}:right", y, (every, k, m), copies)
        item = max(x.item, y.item)
        flat = Value(self.name(f"{step}:flat"), item, (every, n, m), None, x.grad or y.grad)
        saves = (*((left.name,) if y.grad else ()), *((right.name,) if x.grad else ()))
        gradients = [
            Gradient(Amount(PASSED_BACK, shape, item), each.name)
            for each, shape in ((right, y.shape), (left, x.shape))
            if each.grad
        ]
        made = (Amount(label or self.label, (*batch, n, m), item),)
        self._add(
            flat, made, (left.name, right.name), saves=saves, gradients=tuple(gradients), differentiable=flat.grad
        )
        self.hold(x, y)
        return self.reshaped(step, flat, (*batch, n, m))

    def call(
        self,
        value: Value,
        reads: Sequence[Value],
        *,
        saves: tuple[str, ...] = (),
        gradients: Iterable[Gradient | Temporary] = (),
        extra: Iterable[Amount] = (),
        label: str = "",
    ) -> Value:
        """Make any other call, said in full; ``extra`` is what it makes beside its value."""
        made = (Amount(label or self.label, value.shape, value.item), *extra)
        names = tuple(read.name for read in reads)
        self._add(value, made, names, saves=saves, gradients=tuple(gradients), differentiable=value.grad)
        if len(made) > 1:
            self.kernels[-1] = replace(self.kernels[-1], together=True)
        return value

    def hold(self, *values: Value) -> None:
        """Keep values until the last call so far, as a variable does."""
        last = self.kernels[-1]
        self.kernels[-1] = replace(last, holds=(*last.holds, *(value.name for value in values)))

    def done(self, *held: Value) -> list[Kernel]:
        """Return the calls; what the part reads lives until the last of them, as does what is ``held``."""
        self.hold(*self._reads, *held)
        return self.kernels

    # How

    def _elementwise(self, step: str, x: Value, y: Value) -> Value:
        shape = x.shape if len(x.shape) >= len(y.shape) else y.shape
        short = y.shape if shape is x.shape else x.shape
        lead = len(shape) - len(short)
        ones = (ONE,) * lead
        wide = tuple(a if self.sizes((b,)) == (1,) else b for a, b in zip(shape, (*ones, *short), strict=True))
        first = x if self.sizes(x.shape) == self.sizes(wide) else y
        strides = None
        if self.sizes(first.shape) == self.sizes(wide) and first.strides is not None:
            strides = dense_like(self.sizes(wide), first.strides)
        return Value(self.name(step), max(x.item, y.item), wide, strides, x.grad or y.grad)

    def _fitted(self, read: Value, value: Value) -> tuple[list[Gradient | Temporary], list[Gradient | Temporary]]:
        """Return what a product makes for a factor, and what the engine makes of that where it does not fit."""
        sizes = self.sizes(value.shape)
        whole = Amount(PASSED_BACK, value.shape, value.item)
        sums = self.sizes(read.shape) != sizes
        mine = self._is_own(read)
        own = Amount("Gradients" if mine or read.name in self._arriving else PASSED_BACK, read.shape, read.item)
        if not sums and read.item == value.item:
            return [Gradient(own, read.name, mine, shape=sizes)], []
        late: list[Gradient | Temporary] = []
        until = read.name
        if sums and read.item != value.item:
            until = f"{read.name}:sum"
            late.append(Temporary(Amount(TEMPORARIES, read.shape, value.item), name=until, until=read.name, late=True))
        late.append(Gradient(own, read.name, mine, late=True))
        return [Temporary(replace(whole, label=TEMPORARIES), until=until)], late

    def _is_own(self, value: Value) -> bool:
        """Return whether a value is a parameter of the part."""
        known = {read.name for read in (*self._reads, *(piece for read in self._reads for piece in read.pieces))}
        return value.name not in known and not any(value.name in kernel.outs for kernel in self.kernels)

    def _view(
        self,
        value: Value,
        x: Value,
        *,
        gradients: tuple[Gradient | Temporary, ...] = (),
        inverse: Permuted | Reshaped | None = None,
    ) -> None:
        self._add(value, (), (x.name,), view_of=x.name, gradients=gradients, inverse=inverse, differentiable=value.grad)

    def _add_two(
        self,
        value: Value,
        x: Value,
        y: Value,
        saves: tuple[str, ...],
        gradients: tuple[Gradient | Temporary, ...],
        label: str,
    ) -> None:
        made = (Amount(label or self.label, value.shape, value.item),)
        names = tuple(each.name for each in (x, y) if not self._is_own(each))
        kept = tuple(name for name in saves if name in names)
        self._add(value, made, names, saves=kept, gradients=gradients, differentiable=value.grad)

    def _add(
        self,
        value: Value,
        made: tuple[Amount, ...],
        reads: tuple[str, ...],
        *,
        view_of: str | None = None,
        saves: tuple[str, ...] = (),
        gradients: tuple[Gradient | Temporary, ...] = (),
        differentiable: bool = True,
        inverse: Permuted | Reshaped | None = None,
        parts: bool = False,
    ) -> None:
        self.kernels.append(
            Kernel(
                outs=(value.name,),
                made=made,
                reads=reads,
                view_of=view_of,
                saves=saves,
                gradients=gradients if differentiable else (),
                differentiable=differentiable,
                value=value,
                inverse=inverse,
                parts=parts,
            )
        )
