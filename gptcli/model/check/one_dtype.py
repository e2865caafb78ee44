"""Somebody's network in one dtype, whatever dtypes its code names.

Later decoders compute their norms and angles in fp32 and all else in bf16, which their code says at many places. In
double precision such an island would round as nothing beside it does, and a true difference could hide there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_NARROWER = {
    torch.float64: frozenset({torch.float32, torch.float16, torch.bfloat16}),
    torch.float32: frozenset({torch.float16, torch.bfloat16}),
}
_CASTS = {"float": torch.float32, "half": torch.float16, "bfloat16": torch.bfloat16}


class OneDtype(TorchFunctionMode):
    """Every call of torch that names a narrower dtype gets this one.

    Args:
        dtype: fp64 or fp32.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype
        self._narrower = _NARROWER[dtype]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call with this dtype in place of narrower ones."""
        given = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "__get__":  # of an attribute
            return func(*args)
        if _CASTS.get(name) in self._narrower and isinstance(args[0], torch.Tensor):
            return args[0].to(self._dtype)
        return func(*map(self._widened, args), **{name: self._widened(value) for name, value in given.items()})

    def _widened(self, value: Any) -> Any:
        return self._dtype if isinstance(value, torch.dtype) and value in self._narrower else value
