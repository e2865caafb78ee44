"""The file with the network to be checked: loaded, built and run; every error is reported by its line.

To load it is to run it: whatever its code does happens, so it runs in a process of its own.
"""

import copy
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from gptcli.architecture.roles import POSITION_TABLE
from gptcli.checkpoints.matching import match
from gptcli.config import ModelConfig
from gptcli.errors import InputError, did_you_mean
from gptcli.model.check.building.errors import reported
from gptcli.model.check.building.loading import load
from gptcli.model.check.building.project import Project
from gptcli.model.check.dictionary import dictionaries_in, dictionary_for, said_by
from gptcli.model.check.target import Target
from gptcli.model.pickled import source_of

__all__ = ["UserNetwork", "default_dtype", "first_tensor", "make_room_for", "reported"]

_MOST_NAMES = 8
_WAY_OUT = "write a function without arguments that returns the model, and name that one"


class UserNetwork:
    """A class, a function or a model in somebody's file, ready to be built.

    Attributes:
        target: what they named.
        is_class: whether it is called with the lecture's dictionary; else it is called without arguments.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._file = load(target)
        self._made_of = _find(self._file, target)
        self._theirs: Mapping[str, object] = {}
        self.is_class = inspect.isclass(self._made_of)

    def config(self) -> ModelConfig | None:
        """Return the config that a dictionary in their file says, for a decoder after GPT-2; None without one.

        Raises:
            InputError: there are several.
        """
        found = list(dictionaries_in(vars(self._file), str(self.target)))
        if len(found) > 1:
            names = ", ".join(name for name, _, _ in found[:_MOST_NAMES])
            raise InputError(
                f"{self.target}: its file has {len(found)} dictionaries, {names}; say which with -c, or {_WAY_OUT}"
            )
        for _, dictionary, config in found:
            self._theirs = dictionary
            return config
        return None

    def said(self, model: nn.Module) -> ModelConfig | None:
        """Return the config of a decoder after GPT-2 that the model keeps, or a dictionary in the file says, or None.

        The dictionary is asked where the model has no table of positions, which every GPT-2 has.

        Raises:
            InputError: there are several dictionaries, or transformers' config of it cannot be represented.
        """
        config = said_by(model, str(self.target))
        if config is not None:
            return config
        matched = match(source_of(dict(model.named_parameters()), self.target.path).tensors)
        return None if matched is not None and matched.outside(POSITION_TABLE) else self.config()

    def build(self, config: ModelConfig | None, *, seed: int, dtype: torch.dtype) -> nn.Module:
        """Make the model, in evaluation mode, on the CPU, after ``torch.manual_seed(seed)``.

        Args:
            config: what a class is called with.
            seed: of the weights it draws.
            dtype: of its parameters and of whatever it creates without saying a dtype.

        Raises:
            InputError: it raises, or makes something else.
        """
        torch.manual_seed(seed)
        with reported(self.target, self._building(config), at=self._made_of), default_dtype(dtype):
            model = self._make(config, dtype)
            if not isinstance(model, nn.Module):
                raise InputError(
                    f"{self.target}: gives {_a(model)}, not a torch.nn.Module; name the class of the whole network, "
                    "or a function that returns it"
                )
            lazy = next((name for name, value in model.named_parameters() if nn.parameter.is_lazy(value)), None)
            if lazy is not None:
                raise InputError(f"{self.target}: {lazy} has no shape before the first run; name its sizes")
            return model.to(device="cpu", dtype=dtype).eval()

    def _make(self, config: ModelConfig | None, dtype: torch.dtype) -> object:
        if isinstance(self._made_of, nn.Module):
            return copy.deepcopy(self._made_of)
        if not self.is_class:
            return self._made_of()
        assert config is not None
        return self._made_of(dictionary_for(config, dtype, self._theirs))

    def _building(self, config: ModelConfig | None) -> str:
        if self.is_class:
            assert config is not None
            keys = list(dictionary_for(config, torch.float32, {}))
            more = f" and {len(keys) - _MOST_NAMES} more" if len(keys) > _MOST_NAMES else ""
            return (
                f"while {self.target.name} was called with the lecture's dictionary, whose keys are "
                f"{', '.join(keys[:_MOST_NAMES])}{more}; if it takes something else, {_WAY_OUT}"
            )
        return f"while {self.target.name} was called without arguments"

    def logits(self, model: nn.Module, ids: Tensor, *, gradients: bool = False) -> Tensor:
        """Run the model on (B, T) ids and return its logits, the first tensor it gives.

        Args:
            model: the network.
            ids: (B, T).
            gradients: keep what a backward pass needs.

        Raises:
            InputError: it raises, or gives no tensor.
        """
        shape = " x ".join(map(str, ids.shape))
        ran = f"while it ran on {shape} token ids"
        with reported(self.target, ran, at=self._made_of), torch.set_grad_enabled(gradients):
            output = model(ids)
        found = first_tensor(output)
        if found is None:
            raise InputError(f"{self.target}: its forward returns {_a(output)}, not the logits; return them")
        _check_logits(found, self.target)
        return found


def _check_logits(logits: Tensor, target: Target) -> None:
    """Refuse a tensor that cannot be compared with anything."""
    what = ""
    if logits.layout != torch.strided:
        what = f"in layout {logits.layout}"
    elif logits.device.type != "cpu":
        what = f"on device {logits.device}"
    elif logits.ndim == 0 or logits.numel() == 0:
        what = f"of shape {list(logits.shape)}"
    if what:
        raise InputError(f"{target}: its forward returns a tensor {what}, not the logits; return them, (B, T, V)")


def first_tensor(output: object) -> Tensor | None:
    """Return the tensor that a module gave, be it alone, in a tuple, in a dictionary or as ``.logits``."""
    if isinstance(output, Tensor):
        return output
    logits = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    items = output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else ()
    return next((item for item in items if isinstance(item, Tensor)), None)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Create tensors in a dtype while the block runs, where the code does not say another."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def make_room_for(target: Target) -> None:
    """Let somebody's code run in this process, which is good for nothing else afterwards: see `gptcli.child`.

    What it imports is found, no bytecode is left beside it, and what it prints goes to stderr, by Python or below it.
    """
    before, after = Project(target).paths()
    sys.path[:] = [*before, *sys.path, *after]
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    with suppress(OSError, ValueError):  # a stream without a descriptor, as under some tests
        os.dup2(sys.stderr.fileno(), 1)
    sys.stdout = sys.stderr


def _find(module: ModuleType, target: Target) -> Callable[..., Any]:
    with reported(target, f"while {target.name} was looked up"):
        found = getattr(module, target.name, None)
    if found is None:
        names = [name for name, value in vars(module).items() if _is_own(value, module)]
        known = f"; it has {', '.join(names[:_MOST_NAMES])}" if names else "; it defines no class or function"
        hint = did_you_mean(target.name, names) or known
        raise InputError(f"{target.file}: no class or function '{target.name}'{hint}")
    if not callable(found):
        raise InputError(f"{target}: is {_a(found)}, not a class or a function; name one that makes the model")
    return found  # type: ignore[no-any-return]


def _is_own(value: object, module: ModuleType) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__


def _a(value: object) -> str:
    """``a dict``, ``None``."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
