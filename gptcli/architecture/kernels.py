"""What each kind of operation allocates, keeps for the backward pass, and allocates there.

An operation is one or more kernels: the calls that torch dispatches below autograd. The rules were read off the calls
of torch 2.13, operation by operation; the tests and `gptcli verify` hold them against what torch's profiler measures.
"""

from collections.abc import Sequence
from functools import singledispatch
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture import operations as ops
from gptcli.architecture.symbols import ONE, B, C, D, Dim, H, Shape, Sizes, T, V, elements

FP32 = 4
INDEX = 8
BOOL = 1

WIDENED_ROWS = 8  # rows of 16-bit numbers from which widening a matrix costs less than it saves


class Amount(Struct, frozen=True, cache_hash=True):
    """A tensor: its symbolic shape, the bytes of one element, and the words it goes by in the ledger."""

    label: str
    shape: Shape
    item: int


class Gradient(Struct, frozen=True):
    """A tensor that a kernel's backward makes.

    Attributes:
        amount: its size and label.
        of: the value or the parameter whose gradient it is.
        parameter: whether it is a parameter's, which stays until the optimizer has run.
        viewed: whether it reaches the parameter as a view of what was allocated. Autograd never adds to a view in
            place: it keeps its base, so the memory has a second owner (``can_accumulate_inplace`` in torch's
            ``csrc/autograd/input_buffer.cpp``).
        late: made by the engine after the kernel's own part, where it sums over broadcast dimensions.
    """

    amount: Amount
    of: str
    parameter: bool = False
    late: bool = False
    viewed: bool = False


class Temporary(Struct, frozen=True):
    """A tensor that a kernel's backward makes on the way to a gradient, and gives back: nobody's gradient.

    Attributes:
        amount: its size and label.
        name: what another's ``until`` calls it; needed only where one does.
        until: the gradient, by what it is of, or the temporary, by its name, that is made of it: as soon as that is
            there, this goes. None: it goes when the kernel's own part is over, or a late one when all is.
        late: made by the engine after the kernel's own part, as for a `Gradient`.
    """

    amount: Amount
    name: str = ""
    until: str | None = None
    late: bool = False


class Value(Struct, frozen=True):
    """A value that an operation reads: its name and the bytes of one element."""

    name: str
    item: int


class Kernel(Struct, frozen=True, kw_only=True):
    """One dispatched call, or a view that takes no memory but whose backward does.

    Attributes:
        outs: names of the values it makes; the first of ``made`` belongs to the first.
        made: what it allocates; after the value come masks and statistics. Empty for a view.
        reads: names of the values it takes.
        view_of: the value whose memory ``outs`` share, or None.
        saves: names of the values that its backward needs, its own result included; what it made beside the value is
            always kept.
        gradients: what its backward allocates, in order, temporaries included; a read value without a gradient among
            them gets the incoming one itself.
        holds: names of values that live until here although nothing reads them any more.
        differentiable: whether it has a backward at all.
        cached: whether autocast keeps its value until it ends.
    """

    outs: tuple[str, ...]
    made: tuple[Amount, ...] = ()
    reads: tuple[str, ...] = ()
    view_of: str | None = None
    saves: tuple[str, ...] = ()
    gradients: tuple[Gradient | Temporary, ...] = ()
    holds: tuple[str, ...] = ()
    differentiable: bool = True
    cached: bool = False


class Conditions(Struct, frozen=True, kw_only=True):
    """Under which kernels run.

    Attributes:
        sizes: the value of every symbol, B and T included.
        item: bytes of an element in matrix products and attention.
        stream_item: bytes of an element on the residual path and of a parameter: ``item``, or fp32's under autocast.
        training: whether dropout is on.
        device: ``cpu`` or ``cuda``, which differ in kernels.
        cached: whether keys and values are taken from a cache, whose layout needs no copies.
        keys: how many keys a token may attend to: T, or with a cache those of the tokens read before too.
        widens: whether matrix products of 16-bit numbers are made in fp32, for want of instructions.
    """

    sizes: Sizes
    item: int
    stream_item: int
    training: bool
    device: str
    cached: bool = False
    keys: Dim = T
    widens: bool = False

    @property
    def square(self) -> Shape:
        """A number for every head, query and key."""
        return (B, H, T, self.keys)

    @property
    def autocast(self) -> bool:
        """Whether parameters are kept in fp32 and matrix products run in half precision."""
        return self.stream_item != self.item

    @property
    def heads_need_copy(self) -> bool:
        """Whether (B, H, T, D) views of the fused projection cannot be viewed as (BH, T, D)."""
        return self.sizes["B"] > 1 and self.sizes["H"] > 1

    @property
    def merge_needs_copy(self) -> bool:
        """Whether (B, H, T, D) cannot be viewed as (B, T, C)."""
        return self.sizes["T"] > 1 and self.sizes["H"] > 1

    @property
    def statistic_item(self) -> int:
        """Bytes of layer norm's mean and deviation: the CPU keeps them in the dtype of its input."""
        return self.stream_item if self.device == "cpu" else FP32


_STREAM = (B, T, C)
_HEADS = (B, H, T, D)
_PASSED_BACK = "Gradients of activations"
_TEMPORARIES = "Temporaries of the backward pass"


@singledispatch
def kernels(operation: ops.Operation, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    """Return the kernels of an operation, in order of execution.

    Args:
        operation: the described operation.
        out: the name of its value.
        reads: the values it reads.
        given: sizes, dtype, device, mode.

    Raises:
        NotImplementedError: no rule for this kind of operation.
    """
    raise NotImplementedError(operation.kind)


@kernels.register
def _(operation: ops.Embedding, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    table = _of_parameter(f"{out}.weight", (operation.rows, operation.width), given.stream_item)
    value = Amount(operation.label, operation.shape, given.stream_item)
    (indices,) = (read.name for read in reads)
    if indices != "positions":
        return [Kernel(outs=(out,), made=(value,), gradients=(table,))]
    count = Kernel(outs=(indices,), made=(Amount("Positions", (T,), INDEX),), differentiable=False)
    return [count, Kernel(outs=(out,), made=(value,), reads=(indices,), saves=(indices,), gradients=(table,))]


def _of_parameter(path: str, shape: Shape, item: int, *, late: bool = False, viewed: bool = False) -> Gradient:
    return Gradient(Amount("Gradients", shape, item), path, parameter=True, late=late, viewed=viewed)


@kernels.register
def _(operation: ops.Add, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    value = Amount(operation.label, operation.shape, given.stream_item)
    gradients = []
    for read in reads:
        if read.name == "wpe":  # broadcast over the batch, so its gradient is a sum
            gradients.append(Gradient(Amount(_PASSED_BACK, (T, C), read.item), read.name, late=True))
        elif read.item != given.stream_item:
            gradients.append(Gradient(Amount(_PASSED_BACK, operation.shape, read.item), read.name, late=True))
    names = tuple(read.name for read in reads)
    return [Kernel(outs=(out,), made=(value,), reads=names, gradients=tuple(gradients))]


@kernels.register
def _(operation: ops.Dropout, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    return [_dropout(operation.shape, operation.rate, out, reads[0].name, reads[0].item, given)]


def _dropout(shape: Shape, rate: float, out: str, read: str, item: int, given: Conditions) -> Kernel:
    if not given.training or rate == 0:
        return Kernel(outs=(out,), reads=(read,), view_of=read)
    # The CPU multiplies by a mask in the dtype of its input, CUDA's kernel keeps a byte an element.
    mask = Amount("Dropout masks", shape, item if given.device == "cpu" else BOOL)
    value = Amount("Dropout", shape, item)
    back = Gradient(Amount(_PASSED_BACK, shape, item), read)
    return Kernel(outs=(out,), made=(value, mask), reads=(read,), gradients=(back,))


@kernels.register
def _(operation: ops.LayerNorm, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    (read,) = reads
    value = Amount(operation.label, operation.shape, given.stream_item)
    statistic = Amount("Layer norm statistics", operation.shape[:-1], given.statistic_item)
    gradients = (
        Gradient(Amount(_PASSED_BACK, operation.shape, read.item), read.name),
        *(_of_parameter(f"{out}.{name}", shape, given.stream_item) for name, shape in operation.weights().items()),
    )
    made = (value, statistic, statistic)
    return [Kernel(outs=(out,), made=made, reads=(read.name,), saves=(read.name,), gradients=gradients)]


@kernels.register
def _(operation: ops.RMSNorm, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    (read,) = reads
    how = {"fused": _fused_rms_norm, "composite": _composite_rms_norm}
    return how[norm_kernels(operation.kind, given.device)](operation, out, read, given)


def norm_kernels(kind: str, device: str) -> Literal["fused", "composite"]:
    """Return whether torch has one kernel for a kind of norm, or makes other calls of it."""
    return "composite" if kind == "rms_norm" and device == "cpu" else "fused"


def _fused_rms_norm(operation: ops.RMSNorm, out: str, read: Value, given: Conditions) -> list[Kernel]:
    """CUDA's ``_fused_rms_norm``: it keeps its input and one fp32 statistic a token."""
    value = Amount(operation.label, operation.shape, read.item)
    statistic = Amount(_RMS_STATISTICS, operation.shape[:-1], FP32)
    gradients = (
        Gradient(Amount(_PASSED_BACK, operation.shape, read.item), read.name),
        _of_parameter(f"{out}.weight", (operation.features,), given.stream_item),
    )
    return [Kernel(outs=(out,), made=(value, statistic), reads=(read.name,), saves=(read.name,), gradients=gradients)]


def _composite_rms_norm(operation: ops.RMSNorm, out: str, read: Value, given: Conditions) -> list[Kernel]:
    """List the calls of ``rms_norm_composite`` in torch's ``aten/src/ATen/native/layer_norm.cpp``, all in fp32.

    ::

        wide = x.to(float32)
        root = rsqrt(pow(wide, 2).mean(-1, keepdim=True).add_(eps))
        return wide.mul(root).mul(weight).type_as(x)

    The backward of each call is its formula in torch's ``tools/autograd/derivatives.yaml``; the engine then sums what
    ``mul`` passes back over the dimensions in which it broadcast.
    """
    rows: Shape = (*operation.shape[:-1], ONE)
    weight, width = f"{out}.weight", (operation.features,)
    whole, back = Amount(_RMS_STEPS, operation.shape, FP32), Amount(_PASSED_BACK, operation.shape, FP32)
    row, back_row = Amount(_RMS_STATISTICS, rows, FP32), Amount(_PASSED_BACK, rows, FP32)
    passing, passing_row = Amount(_TEMPORARIES, operation.shape, FP32), Amount(_TEMPORARIES, rows, FP32)
    wide, squares, mean, root, normed, scaled = (
        f"{out}.{name}" for name in ("wide", "squares", "mean", "root", "normed", "scaled")
    )
    narrow = read.item < FP32
    if not narrow:
        wide, scaled = read.name, out
    before = [_cast(_RMS_STEPS, operation.shape, wide, read, FP32)] if narrow else []
    pow_ = Kernel(
        outs=(squares,),
        made=(whole,),
        reads=(wide,),
        saves=(wide,),
        gradients=(Temporary(passing), Temporary(passing), Gradient(back, wide)),  # grad * (2 * wide.pow(1))
    )
    mean_ = Kernel(
        outs=(mean,),
        made=(row,),
        reads=(squares,),
        gradients=(Gradient(back, squares),),  # grad.expand(...) / C
    )
    rsqrt = Kernel(
        outs=(root,),
        made=(row,),
        reads=(mean,),
        holds=(squares,),
        saves=(root,),
        gradients=(
            Temporary(passing_row),
            Temporary(passing_row),
            Gradient(back_row, mean),
        ),  # -0.5 * grad * root.pow(3)
    )
    over_rows = () if elements(width, given.sizes) == 1 else (Temporary(passing, until=root),)  # one number is no sum
    normalize = Kernel(
        outs=(normed,),
        made=(whole,),
        reads=(wide, root),
        saves=(wide, root),
        gradients=(*over_rows, Gradient(back, wide), Gradient(back_row, root, late=bool(over_rows))),
    )
    to_weight: tuple[Gradient | Temporary, ...] = (_of_parameter(weight, width, given.stream_item, late=True),)
    summed = weight
    if given.stream_item < FP32:  # summed in fp32, then cast
        summed = f"{weight}.fp32"
        to_weight = (Temporary(Amount(_TEMPORARIES, width, FP32), name=summed, until=weight, late=True), *to_weight)
    scale = Kernel(
        outs=(scaled,),
        made=(whole if narrow else Amount(operation.label, operation.shape, FP32),),
        reads=(normed,),
        holds=(wide,) if narrow else (wide, root),
        saves=(normed,),
        gradients=(Temporary(passing, until=summed), Gradient(back, normed), *to_weight),
    )
    found = [*before, pow_, mean_, rsqrt, normalize, scale]
    if narrow:
        cast = _cast(operation.label, operation.shape, out, Value(scaled, FP32), read.item)
        found.append(replace(cast, holds=(root, read.name)))
    return found


_RMS_STEPS = "RMSNorm steps"
_RMS_STATISTICS = "RMSNorm statistics"


@kernels.register
def _(operation: ops.Linear, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    label = "Logits" if out == "lm_head" else operation.label
    (read,) = reads
    value = Amount(label, operation.shape, given.item)
    weight, bias = f"{out}.weight", f"{out}.bias"
    casts: list[Kernel] = []
    if given.autocast:
        parameters = {bias: (operation.outputs,)} if operation.bias else {}
        for path, shape in (parameters | {weight: (operation.outputs, operation.inputs)}).items():
            casts.append(_cast_parameter(path, shape, given))
    source, taken = read.name, (*operation.shape[:-1], operation.inputs)
    if read.item != given.item:
        source = f"{out}.input"
        casts.append(_cast("Inputs in half precision", taken, source, read, given.item))
    to_input = Gradient(Amount(_PASSED_BACK, taken, given.item), source)
    to_weight = _of_weight(weight, (operation.outputs, operation.inputs), given, viewed=True)
    to_bias = _of_weight(bias, (operation.outputs,), given, late=True)
    product = Kernel(
        outs=(out,),
        made=(value, *_widened(operation, taken, given)),
        reads=(source, *(each.outs[0] for each in casts if each.cached)),
        holds=(read.name,),
        saves=(source, *([_half(weight)] if given.autocast else [])),
        gradients=(to_input, to_weight, to_bias) if operation.bias else (to_weight, to_input),
    )
    return [*casts, product]


def _widened(operation: ops.Linear, taken: Shape, given: Conditions) -> tuple[Amount, ...]:
    """Return what a product in fp32 needs besides its 16-bit result: the rows, C rows of the matrix, their result."""
    if not given.widens or elements(taken[:-1], given.sizes) < WIDENED_ROWS:
        return ()
    shapes = (taken, (C, operation.inputs), (*taken[:-1], C))
    return tuple(Amount("Widened for the product", shape, FP32) for shape in shapes)


def _half(path: str) -> str:
    return f"{path}.half"


def _cast_parameter(path: str, shape: Shape, given: Conditions) -> Kernel:
    made = (Amount("Weights in half precision", shape, given.item),)
    return Kernel(
        outs=(_half(path),), made=made, gradients=(_of_parameter(path, shape, given.stream_item),), cached=True
    )


def _of_weight(path: str, shape: Shape, given: Conditions, *, late: bool = False, viewed: bool = False) -> Gradient:
    """Return the gradient of a parameter, or under autocast that of its copy in half precision."""
    if given.autocast:
        return Gradient(Amount(_PASSED_BACK, shape, given.item), _half(path), late=late)
    return _of_parameter(path, shape, given.item, late=late, viewed=viewed)


def _cast(label: str, shape: Shape, out: str, read: Value, item: int) -> Kernel:
    back = Gradient(Amount(_PASSED_BACK, shape, read.item), read.name)
    return Kernel(outs=(out,), made=(Amount(label, shape, item),), reads=(read.name,), gradients=(back,))


@kernels.register
def _(operation: ops.SplitHeads, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    stacked = Gradient(Amount(_PASSED_BACK, operation.shape, given.item), out)
    source = reads[0].name
    merged = Gradient(Amount(_PASSED_BACK, (B, T, 3 * C), given.item), source)
    return [
        Kernel(outs=(out,), reads=(source,), view_of=source, gradients=(merged,)),
        Kernel(outs=_query_key_value(out), reads=(out,), view_of=out, gradients=(stacked,)),
    ]


def _query_key_value(heads: str) -> tuple[str, str, str]:
    return f"{heads}.q", f"{heads}.k", f"{heads}.v"


@kernels.register
def _(operation: ops.AttentionScores, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    q, k, _v = _query_key_value(reads[0].name)
    scaled = Kernel(
        outs=(out,),
        made=(Amount(operation.label, given.square, given.item),),
        reads=(f"{out}.raw",),
        gradients=(Gradient(Amount(_PASSED_BACK, given.square, given.item), f"{out}.raw"),),
    )
    return [*_query_times_key(operation.label, f"{out}.raw", q, k, given.item, given), scaled]


def _query_times_key(label: str, out: str, q: str, k: str, item: int, given: Conditions) -> list[Kernel]:
    """``q @ k.T`` as one batched product over (BH, T, D), which copies what cannot be viewed so."""
    copies, (q_read,) = _copied_heads((q,), item, given)
    more_copies, (k_read,) = ([], [k]) if given.cached else _copied_heads((k,), item, given)
    product = Kernel(
        outs=(out,),
        made=(Amount(label, given.square, item),),
        reads=(q_read, k_read),
        holds=(q, k),
        saves=(q_read, k_read),
        gradients=tuple(Gradient(Amount(_PASSED_BACK, _HEADS, item), each) for each in (q_read, k_read)),
    )
    return [*copies, *more_copies, product]


def _copied_heads(names: tuple[str, ...], item: int, given: Conditions) -> tuple[list[Kernel], list[str]]:
    if not given.heads_need_copy:
        return [], list(names)
    made = (Amount("Query, key, value copies", _HEADS, item),)
    return [Kernel(outs=(f"{n}.copy",), made=made, reads=(n,)) for n in names], [f"{n}.copy" for n in names]


@kernels.register
def _(operation: ops.CausalMask, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    mask = Amount("Causal mask", (T, given.keys), BOOL)
    ones, later = f"{out}.ones", f"{out}.later"
    filled = Kernel(
        outs=(out,),
        made=(Amount(operation.label, given.square, given.item),),
        reads=(reads[0].name, later),
        saves=(later,),
        gradients=(Gradient(Amount(_PASSED_BACK, given.square, given.item), reads[0].name),),
    )
    return [
        Kernel(outs=(ones,), made=(mask,), differentiable=False),
        Kernel(outs=(later,), made=(mask,), reads=(ones,), differentiable=False),
        filled,
    ]


@kernels.register
def _(operation: ops.Softmax, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    return [_elementwise(operation.label, given.square, out, reads[0].name, given.item, saves=(out,))]


@kernels.register
def _(operation: ops.Gelu, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    read = reads[0].name
    return [_elementwise(operation.label, operation.shape, out, read, given.item, saves=(read,))]


def _elementwise(
    label: str, shape: Shape, out: str, read: str, item: int, saves: tuple[str, ...] = (), back_item: int | None = None
) -> Kernel:
    back = Gradient(Amount(_PASSED_BACK, shape, item if back_item is None else back_item), read)
    return Kernel(outs=(out,), made=(Amount(label, shape, item),), reads=(read,), saves=saves, gradients=(back,))


@kernels.register
def _(operation: ops.WeightedSum, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    weights, heads = (read.name for read in reads)
    v = _query_key_value(heads)[2]
    product = _weights_times_value(operation.label, f"{out}.heads", weights, v, given.item, given)
    return [*product, _merge_heads(operation.label, out, f"{out}.heads", (heads,), given)]


def _weights_times_value(
    label: str, out: str, weights: str, v: str, item: int, given: Conditions, back_item: int | None = None
) -> list[Kernel]:
    copies, (v_read,) = ([], [v]) if given.cached else _copied_heads((v,), item, given)
    raw = f"{out}.raw"
    product = Kernel(
        outs=(raw,),
        made=(Amount(label, _HEADS, item),),
        reads=(weights, v_read),
        holds=(v,),
        saves=(weights, v_read),
        gradients=(
            Gradient(Amount(_PASSED_BACK, _HEADS, item), v_read),
            Gradient(Amount(_PASSED_BACK, given.square, item), weights),
        ),
    )
    # The gradient comes back with heads and tokens exchanged and is copied into the product's order.
    reordered = (Gradient(Amount(_PASSED_BACK, _HEADS, item), raw),) if given.heads_need_copy else ()
    return [*copies, product, Kernel(outs=(out,), reads=(raw,), view_of=raw, gradients=reordered)]


def _merge_heads(label: str, out: str, heads: str, held: tuple[str, ...], given: Conditions) -> Kernel:
    """Lay the heads side by side; query, key and value are ``held`` until then, by the names of whoever attends."""
    if not given.merge_needs_copy:
        return Kernel(outs=(out,), reads=(heads,), view_of=heads)
    return Kernel(outs=(out,), made=(Amount(label, _STREAM, given.item),), reads=(heads,), holds=held)


@kernels.register
def _(operation: ops.FusedAttention, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
    qkv = _query_key_value(reads[0].name)
    if given.device == "cpu" and given.training and operation.rate > 0:
        return _math_attention(operation, out, qkv, given)
    fused = Kernel(
        outs=(out,),
        made=(Amount(operation.label, _HEADS, given.item), Amount("Attention statistics", (B, H, T), FP32)),
        reads=qkv,
        saves=(*qkv, out),
        gradients=tuple(Gradient(Amount(_PASSED_BACK, _HEADS, given.item), each) for each in qkv),
    )
    return [fused]


def _math_attention(
    operation: ops.FusedAttention, out: str, qkv: tuple[str, str, str], given: Conditions
) -> list[Kernel]:
    """What ``scaled_dot_product_attention`` does on the CPU where dropout is on: every step, in fp32."""
    low = given.item < FP32
    label = operation.label
    arguments = qkv
    name = {part: f"{out}.{part}" for part in ("q", "k", "v", "bias", "raw", "masked", "softmax", "drop", "heads")}
    found: list[Kernel] = []
    if low:
        for part, read in zip(("q", "k", "v"), qkv, strict=True):
            wide = f"{name[part]}.fp32"
            found.append(_elementwise("Query, key, value copies", _HEADS, wide, read, FP32, back_item=given.item))
        qkv = (f"{name['q']}.fp32", f"{name['k']}.fp32", f"{name['v']}.fp32")
    scaled = [
        _elementwise("Query, key, value copies", _HEADS, name[part], read, FP32)
        for part, read in zip(("q", "k"), qkv[:2], strict=True)
    ]
    found += [scaled[0], *_causal_bias(name["bias"]), scaled[1]]
    found += _query_times_key(label, name["raw"], name["q"], name["k"], FP32, given)
    square = (Amount(label, given.square, FP32),)
    found.append(Kernel(outs=(name["masked"],), made=square, reads=(name["raw"], name["bias"])))
    found.append(_elementwise(label, given.square, name["softmax"], name["masked"], FP32, saves=(name["softmax"],)))
    found.append(_dropout(given.square, operation.rate, name["drop"], name["softmax"], FP32, given))
    if low:  # the weights are returned too, in the caller's dtype, and dropped there
        returned = (Amount(label, given.square, given.item),)
        found.append(Kernel(outs=(f"{out}.weights",), made=returned, reads=(name["drop"],), differentiable=False))
    found += _weights_times_value(
        label, f"{name['heads']}.fp32" if low else name["heads"], name["drop"], qkv[2], FP32, given
    )
    if low:
        found.append(_elementwise(label, _HEADS, name["heads"], f"{name['heads']}.fp32", given.item, back_item=FP32))
    low_only = (*qkv, name["drop"], f"{out}.weights", f"{name['heads']}.fp32") if low else ()
    held = (*arguments, name["q"], name["bias"], *low_only)
    found.append(Kernel(outs=(f"{out}.returned",), reads=(name["heads"],), holds=held, view_of=name["heads"]))
    return [*found, _merge_heads(label, out, f"{out}.returned", arguments, given)]


def _causal_bias(out: str) -> list[Kernel]:
    """Zero or minus infinity for every pair of tokens, made from a triangle of booleans and two scalars."""
    mask, scalar = Amount("Causal mask", (T, T), BOOL), Amount("Causal mask", (ONE,), FP32)
    ones, lower, low, high = f"{out}.ones", f"{out}.lower", f"{out}.low", f"{out}.high"
    return [
        Kernel(outs=(ones,), made=(mask,), differentiable=False),
        Kernel(outs=(lower,), made=(mask,), reads=(ones,), differentiable=False),
        Kernel(outs=(low,), made=(scalar,), differentiable=False),
        Kernel(outs=(high,), made=(scalar,), differentiable=False),
        Kernel(
            outs=(out,),
            made=(Amount("Causal mask", (T, T), FP32),),
            reads=(lower, low, high),
            differentiable=False,
        ),
    ]


def loss_kernels(logits: str, given: Conditions) -> list[Kernel]:
    """Return the kernels of ``cross_entropy(logits.flatten(0, 1), targets.flatten())``; autocast runs it in fp32."""
    whole = (B, T, V)
    item = given.stream_item
    casts, source = [], logits
    if given.autocast:
        source = f"{logits}.fp32"
        casts.append(_cast("Logits in fp32", whole, source, Value(logits, given.item), item))
    log_softmax = Kernel(
        outs=("log_softmax",),
        made=(Amount("Log-softmax of the logits", whole, item),),
        reads=(source,),
        saves=("log_softmax",),
        gradients=(Gradient(Amount("Gradient of the logits", whole, item), source),),
    )
    total_weight = Amount("Loss", (ONE,), item)
    nll = Kernel(
        outs=("loss",),
        made=(Amount("Loss", (ONE,), item), total_weight),
        reads=("log_softmax",),
        holds=(source,),
        saves=("log_softmax",),
        gradients=(Gradient(Amount("Gradient of the log-softmax", whole, item), "log_softmax"),),
    )
    return [*casts, log_softmax, nll]
