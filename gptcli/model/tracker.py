"""Bytes of live tensors, followed operation by operation, on any device and under fake tensors.

The tracker sees every operation below autograd, notes each storage that an operation returns and counts it until its
memory is given back. Scratch that a kernel allocates and frees inside itself is not seen.
"""

from collections.abc import Iterable
from typing import Any
from weakref import ref

from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of live storages while it is active; use it under ``no_grad``, not ``inference_mode``.

    In inference mode composite operations arrive whole, and their temporaries would not be seen.

    Args:
        existing: tensors that live already and count from the start.

    Attributes:
        live: bytes alive now.
        peak: the most that were alive at once since the start or the last `restart_peak`.
    """

    def __init__(self, existing: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = 0
        self.peak = 0
        self._known: dict[int, ref[UntypedStorage]] = {}
        for tensor in existing:
            self._count(tensor)

    def restart_peak(self) -> None:
        """Begin a new phase: its peak starts at what is alive now."""
        self.peak = self.live

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and count the storages that it returns."""
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf)
        return result

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known[key] = ref(storage, lambda _: self._forget(key, size))
        self.live += size
        self.peak = max(self.peak, self.live)

    def _forget(self, key: int, size: int) -> None:
        del self._known[key]
        self.live -= size
