"""Listening to a forward pass, step by step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from gptcli.model.gpt import GPT

Listener = Callable[[str, Tensor], None]


class Tap:
    """Passes tensors on; calls the listener, if there is one, for steps that are no module (sums, scores, softmax)."""

    def __init__(self) -> None:
        self.listener: Listener | None = None

    def __call__(self, group: str, name: str, x: Tensor) -> Tensor:
        """Return ``x`` unchanged."""
        if self.listener is not None:
            self.listener(f"{group}.{name}" if group else name, x)
        return x


@contextmanager
def observed(model: "GPT", listener: Listener) -> Iterator[None]:
    """Tell ``listener`` path and output of every step while the block runs, in order of execution."""
    step_modules = [(path, module) for path, module in model.named_modules() if getattr(module, "is_step", False)]
    hooks = [module.register_forward_hook(_teller(path, listener)) for path, module in step_modules]
    model.tap.listener = listener
    try:
        yield
    finally:
        model.tap.listener = None
        for hook in hooks:
            hook.remove()


def _teller(path: str, listener: Listener) -> Callable[[nn.Module, object, Tensor], None]:
    return lambda _module, _inputs, output: listener(path, output)
