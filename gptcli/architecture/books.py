"""The vocabulary with which a part declares its memory: what it allocates, saves for backward, and allocates there.

A part makes one or more kernels: the calls that torch dispatches below autograd. The rules, in
`gptcli.architecture.parts`, were read off the calls of torch 2.13, part by part; the tests and `gptcli verify` hold
them against what torch's profiler measures.
"""

from msgspec import Struct

from gptcli.architecture.axes import Dim, Shape, Sizes, T
from gptcli.architecture.strides import Numbers
from gptcli.errors import GptcliError

FP32 = 4
HALF = 2
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
        shape: its sizes, where it lies as the incoming gradient does, as elementwise calls give it; else it is
            contiguous.
        strides: where it lies otherwise.
    """

    amount: Amount
    of: str
    parameter: bool = False
    late: bool = False
    viewed: bool = False
    shape: Numbers | None = None
    strides: Numbers | None = None


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
    """A value that a part reads: its name, the bytes of one element, its shape.

    Attributes:
        strides: how its numbers lie; None for contiguous.
        grad: whether a gradient is passed back to it.
        pieces: the values that it holds: query, key and value of the split heads.
    """

    name: str
    item: int
    shape: Shape = ()
    strides: Numbers | None = None
    grad: bool = True
    pieces: tuple["Value", ...] = ()


class Permuted(Struct, frozen=True):
    """The backward of a view in another order: the incoming gradient of ``shape``, its dimensions in another order."""

    shape: Numbers
    dims: tuple[int, ...]


class Reshaped(Struct, frozen=True):
    """The backward of a view in another shape: the incoming gradient in the shape before, copied where that must be."""

    shape: Numbers
    into: Numbers
    copy: Amount


class Kernel(Struct, frozen=True, kw_only=True):
    """One dispatched call, or a view that takes no memory but whose backward does.

    Attributes:
        outs: names of the values it makes; the first of ``made`` belongs to the first.
        made: what it allocates; after the value come masks and statistics. Empty for a view.
        reads: names of the values it takes.
        view_of: the value whose memory ``outs`` share, or None.
        saves: names of the values that its backward needs, its own result included; what it made beside the value is
            always kept.
        gradients: what its backward allocates, in order, temporaries included; a read value without a gradient here
            gets the incoming one itself.
        holds: names of values that live until here although nothing reads them any more.
        differentiable: whether it has a backward at all.
        cached: whether autocast keeps its value until it ends.
        saved_for: of a saved value the gradient that it is needed for, where it is not needed for all.
        keeps: whether it saves a tensor, be it only a parameter, which takes no memory; said where ``saves`` does not
            say it (`gptcli.analysis.frozen`).
        value: what its first value is, where that is not contiguous or not of the part's shape.
        inverse: what its backward does to the incoming gradient, which is a view of that where it can be.
        parts: whether what it passes back are pieces of the incoming gradient.
        together: whether all that it makes is made at once: not its value last.
        arrives: the parameter whose gradient the incoming one is, as it is: that of a sum of it and a number.
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
    saved_for: tuple[tuple[str, str], ...] = ()
    keeps: bool = False
    value: Value | None = None
    inverse: Permuted | Reshaped | None = None
    parts: bool = False
    together: bool = False
    arrives: str = ""


class Conditions(Struct, frozen=True, kw_only=True):
    """The conditions under which kernels run.

    Attributes:
        sizes: the value of every symbol, B and T included.
        item: bytes of an element in matrix products and attention.
        stream_item: bytes of an element on the residual stream and of a parameter: ``item``, or fp32's under autocast.
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
    def autocast(self) -> bool:
        """Whether parameters are kept in fp32 and matrix products run in half precision."""
        return self.stream_item != self.item


class NotInBooksError(GptcliError):
    """A part in a mode whose memory is not known to the byte: no figure is given then.

    Args:
        kind: of the part.
        mode: the words for what it does there.
    """

    def __init__(self, kind: str, mode: str) -> None:
        super().__init__(
            f"what torch allocates for {kind.replace('_', ' ')} with {mode} is not known to the byte, so no peak is "
            "given; 'gptcli memory' gives weights and KV cache, 'gptcli params' and 'gptcli flops' count it"
        )
        self.kind = kind
        self.mode = mode


PASSED_BACK = "Gradients of activations"
TEMPORARIES = "Temporaries of the backward pass"
HALF_INPUTS = "Inputs in half precision"
HALF_WEIGHTS = "Weights in half precision"


def of_parameter(path: str, shape: Shape, item: int, *, late: bool = False, viewed: bool = False) -> Gradient:
    """Return the gradient of a parameter."""
    return Gradient(Amount("Gradients", shape, item), path, parameter=True, late=late, viewed=viewed)


def cast(label: str, shape: Shape, out: str, read: Value, item: int) -> Kernel:
    """Return the call that gives a value in another dtype; its gradient is cast back."""
    back = Gradient(Amount(PASSED_BACK, shape, read.item), read.name)
    return Kernel(outs=(out,), made=(Amount(label, shape, item),), reads=(read.name,), gradients=(back,))


def elementwise(
    label: str, shape: Shape, out: str, read: str, item: int, saves: tuple[str, ...] = (), back_item: int | None = None
) -> Kernel:
    """Return a call that gives one number for each; its gradient has ``back_item`` bytes a number, ``item`` if None."""
    back = Gradient(Amount(PASSED_BACK, shape, item if back_item is None else back_item), read)
    return Kernel(outs=(out,), made=(Amount(label, shape, item),), reads=(read,), saves=saves, gradients=(back,))


def half(path: str) -> str:
    """Return what a weight's copy in half precision is called."""
    return f"{path}.half"


def cast_weight(path: str, shape: Shape, given: Conditions, *, cached: bool) -> Kernel:
    """Return the call that makes a weight's copy in half precision; ``cached`` where autocast does it and keeps it."""
    made = (Amount(HALF_WEIGHTS, shape, given.item),)
    return Kernel(
        outs=(half(path),), made=made, gradients=(of_parameter(path, shape, given.stream_item),), cached=cached
    )


def of_weight(path: str, shape: Shape, given: Conditions, *, late: bool = False, viewed: bool = False) -> Gradient:
    """Return the gradient of a parameter, or under autocast that of its copy in half precision."""
    if given.autocast:
        return Gradient(Amount(PASSED_BACK, shape, given.item), half(path), late=late)
    return of_parameter(path, shape, given.item, late=late, viewed=viewed)
