"""Bytes of live tensors, followed operation by operation, on any device and under fake tensors.

The tracker sees every operation below autograd, notes each storage that an operation returns and counts it until its
memory is given back. Scratch that a kernel allocates and frees inside itself is not seen.

While any dispatch mode is active, autograd's engine sums two gradients of one value into a new tensor; else it adds the
second to the first where nothing else holds that. The tracker would change what it measures, so it makes these sums
itself, as the engine does without a mode. Tests compare it with the profiler, which changes nothing.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, Self
from unittest.mock import patch
from weakref import ref

import torch
from torch import Tensor, UntypedStorage
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of live storages while it is active; use it under ``no_grad``, not ``inference_mode``.

    In inference mode composite operations arrive whole, and their temporaries would not be seen.

    Args:
        existing: tensors that live already and count from the start.
        beside: tensors that live already and do not count, such as the room that products keep for themselves.

    Attributes:
        live: bytes alive now.
        peak: the most that were alive at once since the start or the last `restart_peak`.
    """

    def __init__(self, existing: Iterable[Tensor] = (), beside: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = 0
        self.peak = 0
        self._states = ExitStack()
        self._known: dict[int, ref[UntypedStorage]] = {}
        self._beside = [tensor.untyped_storage() for tensor in beside]  # held, so that no other gets its place
        for storage in self._beside:
            self._known[storage._cdata] = ref(storage)
        for tensor in existing:
            self.count(tensor)

    def __enter__(self) -> Self:
        """Count, too, each state of the random number generator that is taken: no operation returns it."""
        self._states.enter_context(patch.object(torch, "get_rng_state", self._take_state(torch.get_rng_state)))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        """Stop counting."""
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        self._states.close()

    def _take_state(self, take: Callable[[], Tensor]) -> Callable[[], Tensor]:
        def taken() -> Tensor:
            state = take()
            self.count(state)
            return state

        return taken

    def count(self, tensor: Tensor) -> None:
        """Count a tensor that no operation returned, as long as it lives."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known[key] = ref(storage, lambda _: self._forget(key, size))
        self.live += size
        self.peak = max(self.peak, self.live)

    def restart_peak(self) -> None:
        """Begin a new phase: its peak starts at what is alive now."""
        self.peak = self.live

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and count the storages that it returns."""
        if func is torch.ops.aten.add.Tensor and _is_sum_in_place(args[0]):
            return args[0].add_(args[1])
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.count(leaf)
        return result

    def _forget(self, key: int, size: int) -> None:
        del self._known[key]
        self.live -= size


class OnesInFakes(FakeTensorMode):  # type: ignore[no-untyped-call]
    """Fake tensors off which code may read numbers, which they have not: each is 1.

    Adafactor reads norms; what it allocates does not depend on them. It is one mode with the
    fakes, since each mode takes every operation through Python once more.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation, but for reading a number."""
        if func is torch.ops.aten._local_scalar_dense.default:
            return 1.0
        return super().__torch_dispatch__(func, types, args, kwargs)


def _is_sum_in_place(first: Any) -> bool:
    """Return whether this addition is one of the engine's that would go into ``first`` without a dispatch mode.

    No kernel's backward of a GPT adds two tensors, so during a backward pass every addition is the engine's. It adds in
    place where gradients of gradients are not wanted and the tensor is no view: a view's base is a second owner of the
    memory (``InputBuffer::accumulate``, ``can_accumulate_inplace`` in torch's ``csrc/autograd/input_buffer.cpp``).
    """
    in_backward = torch._C._current_graph_task_id() != -1 and not torch.is_grad_enabled()
    return in_backward and isinstance(first, Tensor) and not first._is_view()
