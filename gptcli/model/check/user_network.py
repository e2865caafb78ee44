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
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from gptcli.architecture.roles import POSITION_TABLE
from gptcli.checkpoints.matching import match
from gptcli.config import ModelConfig
from gptcli.errors import InputError, did_you_mean
from gptcli.model.check.building.errors import reported
from gptcli.model.check.building.inputs import Call, calls_for, unknown_in, unwatched
from gptcli.model.check.building.loading import load
from gptcli.model.check.building.outputs import first_tensor, logits_in
from gptcli.model.check.building.project import Project
from gptcli.model.check.building.recipes import Recipe, recipes_for, sizes_set, wanted_of
from gptcli.model.check.building.synonyms import Wanted
from gptcli.model.check.dictionary import dictionaries_in, dictionary_for, said_by
from gptcli.model.check.target import Target
from gptcli.model.pickled import source_of
from gptcli.reports.finding import Finding

__all__ = ["UserNetwork", "default_dtype", "first_tensor", "make_room_for", "reported"]

_MOST_NAMES = 8
_SAME = 1e-6  # two runs whose earlier logits differ by less are the same
_WAY_OUT = "write a function without arguments that returns the model, and name that one"


class UserNetwork:
    """A class, a function or a model in somebody's file, ready to be built.

    Attributes:
        target: what they named.
        takes_dictionary: whether it is called with the lecture's dictionary, and so needs a config.
        notes: how it was built and called, where that had to be found out.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        loaded = load(target)
        self._file = loaded.module
        self._made_of = _find(self._file, target)
        self._theirs: Mapping[str, object] = {}
        self._set: Mapping[str, int] = {}
        made = isinstance(self._made_of, nn.Module)
        self._recipes = [] if made else self._ways()
        self._call: Call | None = None
        self.takes_dictionary = bool(self._recipes) and self._recipes[0].of_lecture
        self.notes: list[Finding] = []
        for file, line, why in loaded.left_out:
            self._note("left-out", f"{Project(target).name(file)}:{line}: {why}")

    def _ways(self) -> list[Recipe]:
        return recipes_for(self._made_of, self._file, Project(self.target), lambda: self._theirs)

    def prefer(self, set_values: tuple[str, ...]) -> None:
        """Build with these sizes, ``key=value``, where no config is named."""
        self._set = sizes_set(set_values)

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
        if isinstance(self._made_of, nn.Module):
            copied: Callable[[], object] = lambda: copy.deepcopy(self._made_of)  # noqa: E731
            return self._made(copied, f"while {self.target.name} was copied", seed, dtype)
        wanted = wanted_of(config, self._set)
        failed: list[InputError] = []
        for recipe in self._recipes:
            make = partial(recipe.call, wanted, dtype)
            try:
                model = self._made(make, self._doing(recipe, wanted), seed, dtype)
            except InputError as error:
                failed.append(error)
                continue
            self._settle(recipe, named=config is not None)
            return model
        raise failed[0]

    def _made(self, make: Callable[[], object], doing: str, seed: int, dtype: torch.dtype) -> nn.Module:
        torch.manual_seed(seed)
        with reported(self.target, doing, at=self._made_of), default_dtype(dtype):
            model = make()
            if not isinstance(model, nn.Module):
                raise InputError(
                    f"{self.target}: gives {_a(model)}, not a torch.nn.Module; name the class of the whole network, "
                    "or a function that returns it"
                )
            lazy = next((name for name, value in model.named_parameters() if nn.parameter.is_lazy(value)), None)
            if lazy is not None:
                raise InputError(f"{self.target}: {lazy} has no shape before the first run; name its sizes")
            return model.to(device="cpu", dtype=dtype).eval()

    def _settle(self, recipe: Recipe, *, named: bool) -> None:
        """Build in the same way from now on, and say which that is."""
        self._recipes = [recipe]
        if recipe.of_lecture or not inspect.isclass(self._made_of):
            return
        values = "" if named else "; no config is named, so its own defaults stand, and what has none is small"
        self._note("built", f"{recipe.doing}{values}")

    def _doing(self, recipe: Recipe, wanted: Wanted) -> str:
        if recipe.of_lecture:
            keys = list(dictionary_for(wanted.config, torch.float32, {}))
            more = f" and {len(keys) - _MOST_NAMES} more" if len(keys) > _MOST_NAMES else ""
            return (
                f"while {self.target.name} was called with the lecture's dictionary, whose keys are "
                f"{', '.join(keys[:_MOST_NAMES])}{more}; if it takes something else, {_WAY_OUT}"
            )
        way_out = f"; if it takes something else, {_WAY_OUT}" if inspect.isclass(self._made_of) else ""
        return f"while {recipe.doing}{way_out}"

    def _note(self, kind: str, message: str) -> None:
        note = Finding("note", kind, "", message)
        if note not in self.notes:
            self.notes.append(note)

    def logits(self, model: nn.Module, ids: Tensor, *, gradients: bool = False) -> Tensor:
        """Run the model on (B, T) ids and return its logits.

        Args:
            model: the network.
            ids: (B, T).
            gradients: keep what a backward pass needs.

        Raises:
            InputError: it raises, or gives no tensor.
        """
        with torch.set_grad_enabled(gradients):
            output = self._output(model, ids)
        found = logits_in(output, model, *ids.shape)
        if found is None:
            raise InputError(f"{self.target}: its forward returns {_a(output)}, not the logits; return them")
        _check_logits(found, self.target)
        return found

    def _output(self, model: nn.Module, ids: Tensor) -> object:
        """Run the model in the way that was found, or find one: ids as they are and what else it needs, then int32."""
        if self._call is not None:
            return self._run(model, ids, self._call)
        calls = self._ways_to_call(model, ids)
        failed: list[InputError] = []
        for call in calls:
            try:
                output = self._run(model, ids, call)
            except InputError as error:
                failed.append(error)
                continue
            self._call = call
            if call.words:
                self._note("called", f"its forward is called with {call.words}")
            return output
        raise failed[0]

    def _run(self, model: nn.Module, ids: Tensor, call: Call) -> object:
        shape = " x ".join(map(str, ids.shape))
        with reported(self.target, f"while it ran on {shape} token ids", at=model.forward):
            return call.run(model, ids)

    def _ways_to_call(self, model: nn.Module, ids: Tensor) -> list[Call]:
        """Return the ways to call its forward; with a mask, the one that does not look ahead comes first.

        Raises:
            InputError: it needs what nobody here knows.
        """
        unknown = unknown_in(model)
        if unknown:
            raise InputError(
                f"{self.target}: its forward needs {', '.join(unknown)} beside the ids; give that a default, or name a "
                "function that returns a module whose forward takes the ids alone"
            )
        calls = calls_for(model)
        if not calls[0].masked:
            return calls
        with unwatched(model), torch.no_grad():
            return sorted(calls, key=lambda call: not self._is_causal(model, ids, call))

    def _is_causal(self, model: nn.Module, ids: Tensor, call: Call) -> bool:
        changed = torch.cat([ids[:, :-1], ids[:, :1]], dim=1)
        try:
            before, after = (logits_in(self._run(model, each, call), model, *ids.shape) for each in (ids, changed))
        except InputError:
            return False
        if before is None or after is None or before.shape[:2] != ids.shape:
            return True  # it runs, and shows no more
        earlier, later = before[:, :-1], after[:, :-1]
        return bool(earlier.isfinite().all()) and torch.allclose(earlier, later, rtol=_SAME, atol=_SAME)


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
