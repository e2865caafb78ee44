"""A part that computes what no real part does, from the weights of the one in whose place it stands."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace
from torch import Tensor

from gptcli.architecture import Part, Shape, Sizes
from gptcli.architecture.parts.part import Family
from gptcli.model.cache import Kept
from gptcli.model.parts import leaf_class
from gptcli.model.parts.leaf import Leaf, Parameters, leaf_of

# From the leaf of the right part, or None where there is none, and what is read.
Compute = Callable[..., Tensor]


class Instead(Part, frozen=True, kw_only=True):
    """What a mistake computes; it is run and never counted or drawn.

    Attributes:
        right: the part in whose place it stands, or None where nothing belongs.
        compute: the mistake.
    """

    kind: ClassVar[str] = "instead"
    family: ClassVar[Family] = "activation"
    sentence: ClassVar[str] = "Computes something that is wrong."

    right: Part | None = None
    compute: Compute

    @classmethod
    def of(cls, right: Part, compute: Compute) -> "Instead":
        """Stand in the place of a part."""
        return cls(
            label=right.label,
            reads=right.reads,
            shape=right.shape,
            role=right.role,
            tied_to=right.tied_to,
            right=replace(right, reads=()),  # what is read is said once
            compute=compute,
        )

    def weights(self) -> dict[str, Shape]:  # noqa: D102  # as in the base class
        return self.right.weights() if self.right else {}

    def cached(self) -> tuple[Shape, ...]:  # noqa: D102
        return self.right.cached() if self.right else ()


@leaf_of(Instead)
class InsteadLeaf(Leaf):
    """Calls the mistake with the leaf of the right part, which holds the weights."""

    def __init__(self, part: Instead, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__(part, sizes, parameters)
        self.right = None if part.right is None else leaf_class(type(part.right))(part.right, sizes, parameters)

    def forward(self, *reads: Any) -> Tensor:
        """Map what the part reads to the output of the mistake."""
        out: Tensor = self.part.compute(self.right, *reads)
        return out

    def for_readers(self, out: Tensor, kept: Sequence[Kept] | None) -> Any:  # noqa: D102  # as in the base class
        assert self.right is not None
        return self.right.for_readers(out, kept)
