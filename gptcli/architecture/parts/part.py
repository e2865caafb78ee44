"""What is said of every part: what it reads and gives, its weights, formula, products, memory and words."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from msgspec import Struct

from gptcli.architecture.axes import Dim, Shape, Sizes
from gptcli.architecture.books import Conditions, Kernel, Value
from gptcli.architecture.products import MatrixProduct
from gptcli.architecture.roles import Role

Family = Literal["embedding", "norm", "linear", "attention", "activation", "experts", "add", "dropout"]

GPT2_DEVIATION = 0.02  # Radford et al. 2018, section 4.1; kept in GPT-2's release


class Draw(Struct, frozen=True):
    """How the numbers of a weight, or of some of its rows, are drawn.

    Attributes:
        weight: its name.
        how: ``uniform`` between -scale and scale, ``normal`` with the deviation ``scale``, ``kaiming_uniform`` as
            ``torch.nn.Linear`` draws, or all ``zeros``, ``ones`` or the ``constant`` that ``scale`` is.
        scale: a number, or a dimension n for 1 / sqrt(n).
        rows: the first row and the row after the last, or None for all.
    """

    weight: str
    how: Literal["uniform", "normal", "kaiming_uniform", "zeros", "ones", "constant"]
    scale: float | Dim = 0.0
    rows: tuple[Dim, Dim] | None = None


class Part(Struct, frozen=True, kw_only=True):
    """One step of the forward pass.

    Attributes:
        label: the words people read.
        reads: what it takes: names in its group, ``"x"`` for the group's input.
        shape: the symbolic shape of its output.
        role: what it is for, where others ask for that.
        tied_to: path of the weight that it shares instead of owning one.
        kept: whether its output, of every token, is kept in a KV cache.
        kept_of: the most tokens whose output is kept: a window's width. None for all.
        kept_chunked: whether those are the tokens of a chunk, not the last ones.
        kind: the name of this kind of part.
        called: what people call it, where that is not said by ``label`` alone.
        family: of the kind: kinds of one family share a colour.
        sentence: what the kind does, for people.
    """

    kind: ClassVar[str]
    family: ClassVar[Family]
    sentence: ClassVar[str]
    called: ClassVar[str] = ""

    label: str
    reads: tuple[str, ...] = ("x",)
    shape: Shape
    role: Role | None = None
    tied_to: str | None = None
    kept: bool = False
    kept_of: Dim | None = None
    kept_chunked: bool = False

    def weights(self) -> dict[str, Shape]:
        """Return the part's own parameters by name, in the order torch registers them."""
        return {}

    def shared(self, name: str) -> str | None:
        """Return the path of the weight that one of its weights shares, or None where it owns it: a bias always."""
        return self.tied_to if name == "weight" else None

    def trains(self, name: str) -> bool:
        """Return whether training changes one of its weights."""
        return True

    def buffers(self) -> dict[str, Shape]:
        """Return what it keeps beside its parameters, which no training changes, by name."""
        return {}

    def held(self, sizes: Sizes) -> tuple[Shape, ...]:
        """Return the shapes of all that its leaf keeps in fp32 beside its parameters: buffers, stored or not.

        Args:
            sizes: the value of every axis but B and T.
        """
        return tuple(self.buffers().values())

    def visited(self, shape: Shape) -> Shape:
        """Return how much of a weight of this shape one token uses: all of it, unless the part chooses."""
        return shape

    def draws(self, scheme: str, residual_deviation: float) -> tuple[Draw, ...]:
        """Return how its weights are drawn, in order.

        Args:
            scheme: a config's ``init``: ``torch`` or ``gpt2``.
            residual_deviation: with ``gpt2``, of what is added to the residual stream.

        Raises:
            NotImplementedError: it has weights and no rule for them.
        """
        if self.weights():
            raise NotImplementedError(self.kind)
        return ()

    def formula(self) -> str:
        """Return what it computes, as one line: the words a drawing writes beside a step.

        ``x`` is what it reads where it reads one tensor; ``weight`` and ``bias`` are its own, in torch's order
        (out, in).

        Raises:
            NotImplementedError: no rule for this kind.
        """
        raise NotImplementedError(self.kind)

    def products(self) -> tuple[MatrixProduct, ...]:
        """Return its matrix products.

        Raises:
            NotImplementedError: no rule for this kind.
        """
        raise NotImplementedError(self.kind)

    @property
    def random(self) -> bool:
        """Whether it draws random numbers while training."""
        return False

    def composite(self, device: str) -> bool:
        """Return whether torch makes several calls of it on a device, where others have one."""
        return False

    def cached(self) -> tuple[Shape, ...]:
        """Return what it keeps of B texts of T tokens in a KV cache, tensor by tensor."""
        return (self.shape,) if self.kept else ()

    def cached_as(self) -> tuple[Shape, ...]:
        """Return the same tensors with their dimensions as they lie in the cache."""
        return self.cached()

    def kernels(self, out: str, reads: Sequence[Value], given: Conditions) -> list[Kernel]:
        """Return the calls that it makes, in order.

        Args:
            out: the name of its value.
            reads: the values it reads.
            given: sizes, dtype, device, mode.

        Raises:
            NotImplementedError: no rule for this kind.
        """
        raise NotImplementedError(self.kind)


def part_kind(kind: str) -> type[Part]:
    """Return the class of a kind of part.

    Raises:
        NotImplementedError: there is none.
    """
    for known in Part.__subclasses__():
        if known.kind == kind:
            return known
    raise NotImplementedError(kind)


def identity_draws(part: Part, *, around_one: bool = False) -> tuple[Draw, ...]:
    """Return the draws of a norm: scales 1, shifts 0; ``around_one`` where 1 is added to its weights."""
    return tuple(Draw(name, "ones" if name == "weight" and not around_one else "zeros") for name in part.weights())
