"""What every leaf is: a torch module that computes one part from the tensors it reads."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gptcli.architecture import Part, Shape, Sizes
from gptcli.model.cache import Kept

# Gives the parameter of a name and a symbolic shape.
Parameters = Callable[[str, Shape], nn.Parameter]

leaves: dict[type[Part], "type[Leaf]"] = {}


class Leaf(nn.Module):
    """One part of the tree in torch; ``forward`` takes the tensors that the part reads.

    Args:
        part: what it computes.
        sizes: the value of every axis but B and T.
        parameters: gives its weights.

    Attributes:
        consumes: whether ``forward`` takes a list of what the part reads, to let go of it before it returns.
        stream: the dtype of the residual stream; the network says it to its leaves.
    """

    consumes: ClassVar[bool] = False
    stream: torch.dtype = torch.float32

    def __init__(self, part: Any, sizes: Sizes, parameters: Parameters) -> None:
        super().__init__()
        self.part = part
        self.sizes = sizes
        for name, shape in part.weights().items():
            self.register_parameter(name, parameters(name, shape))
            getattr(self, name).requires_grad_(part.trains(name))
        for name, shape in part.buffers().items():
            own = parameters(name, shape).detach()
            self.register_buffer(name, own.to(torch.promote_types(own.dtype, torch.float32)))

    def for_readers(self, out: Tensor, kept: Sequence[Kept] | None) -> Any:
        """Return what the readers of this part get, for a part that keeps something in a KV cache.

        Args:
            out: what ``forward`` gave.
            kept: what the cache keeps of it, or None without a cache.
        """
        return out if kept is None else kept[0].extend(out)


def leaf_of(part: type[Part]) -> Callable[[type[Leaf]], type[Leaf]]:
    """Register a leaf for a kind of part."""

    def enter(leaf: type[Leaf]) -> type[Leaf]:
        leaves[part] = leaf
        return leaf

    return enter
