"""Files of ``torch.save``, opened with ``weights_only=True`` and nothing else: whatever else they hold is not run."""

import pickle
import re
import struct
import warnings
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gptcli.checkpoints.diagnose import limited
from gptcli.checkpoints.layouts import LAYOUTS
from gptcli.checkpoints.locate import Located
from gptcli.checkpoints.opening import index_findings, settings_beside
from gptcli.checkpoints.safetensors_file import BrokenFileError
from gptcli.checkpoints.stand_ins import Kept, Uses, stand_ins
from gptcli.checkpoints.stored import Opened, StoredTensor
from gptcli.checkpoints.torch_archive import check_archive, check_older_file
from gptcli.config.printable import printable, shortened
from gptcli.files import open_input
from gptcli.reports.finding import Finding

if TYPE_CHECKING:
    import numpy as np

# Where programs put the state_dict in what they save, the commonest first.
_STATE_KEYS = ("model_state_dict", "state_dict", "model")
_Content = Mapping[Any, Any]
_DEEPEST = 4  # keys that lead to a state_dict
_PORTION = 2**20
_ZIP = b"PK"
_MOST_NAMED = 3
_OF_TENSORS = ("torch._utils._rebuild_", "collections.OrderedDict", "_codecs.encode")  # what any state_dict calls
_READER_SAYS, _ADVICE = "WeightsUnpickler error:", re.compile(r"\(Could this error message|Please ")  # of torch
_NO_DATA = "no-data"
_EMPTY = (
    "holds no numbers: it was saved from torch's meta device, with a shape alone; save it after its weights are there"
)

_DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
    torch.complex64: "C64", torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2",
}  # fmt: skip


class PickledSource:
    """Tensors that torch has mapped from a file, or that are in memory."""

    def __init__(self, values: Mapping[str, Tensor], tensors: dict[str, StoredTensor]) -> None:
        self.values = values
        self.tensors = tensors

    def portions(self, tensor: StoredTensor, start: int, stop: int) -> "Iterator[np.ndarray[Any, Any]]":
        """Yield numbers ``start`` to ``stop`` in portions."""
        flat = self.values[tensor.name].detach().reshape(-1)
        while start < stop:
            portion = flat[start : min(start + _PORTION, stop)]
            if portion.is_complex():  # finite where both of its parts are
                portion = portion.abs()
            yield (portion.float() if portion.is_floating_point() else portion).numpy()
            start += _PORTION


def source_of(state: Mapping[str, Tensor], place: Path) -> PickledSource:
    """Return tensors that are in memory already as if they lay in a file called ``place``."""
    values = _tensors(state)
    return PickledSource(values, _stored(values, place, []))


def open_pickles(path: Path, located: Located) -> Opened:
    """Open one or more files of ``torch.save``, mapped where their format allows.

    Raises:
        BrokenFileError: a file is truncated, would run code, or holds no state_dict.
        OSError: a file cannot be read.
    """
    values: dict[str, Tensor] = {}
    tensors: dict[str, StoredTensor] = {}
    findings = list(located.findings)
    settings, place = settings_beside(located)
    extras: dict[str, int] = {}
    for file in located.files:
        content = _load(file)
        state, keys = _state_dict(content, file)
        values |= state
        tensors |= _stored(state, file, findings)
        extras |= _extras(content, keys)
        found = _settings(content) if keys else None
        if found is not None:
            settings, place = found[1], f"{found[0]} in {printable(str(file))}"
    findings += index_findings(located, tensors)
    findings += [Finding("note", "extra", name, f"{size:,} bytes beside the weights") for name, size in extras.items()]
    return Opened(
        path=path,
        files=located.files,
        kind="pickle",
        source=PickledSource(values, tensors),
        settings=settings,
        settings_place=place,
        total_bytes=sum(file.stat().st_size for file in located.files),
        findings=findings,
        extras=extras,
    )


def _load(file: Path) -> object:
    place = printable(str(file))
    with open_input(file) as opened:
        zipped = opened.read(len(_ZIP)) == _ZIP
    followed = (check_archive if zipped else check_older_file)(file, place)
    kept = {} if followed.problem else stand_ins(followed.uses)
    allowed: list[Any] = [(stand_in, name) for name, stand_in in kept.items()]
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
            warnings.simplefilter("ignore")  # torch's advice to whoever wrote the file; the error that follows is ours
            content = torch.load(file, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        raise BrokenFileError("unsafe-pickle", place, _refusal(followed.uses, error, kept)) from None
    except (EOFError, IndexError, struct.error):
        raise BrokenFileError("truncated", place, "truncated: its pickle ends early; fetch it anew") from None
    except OSError:
        raise
    except Exception as error:  # torch's reader raises whatever its parsers do on a file that is no checkpoint
        raise BrokenFileError("broken-pickle", place, f"is broken: {_first_line(error)}") from None
    if followed.problem:
        reason = f"cannot be checked to its end, so it is not used: {followed.problem}"
        raise BrokenFileError("broken-pickle", place, reason)
    return content


def _refusal(uses: Mapping[str, Uses], error: Exception, kept: Container[str]) -> str:
    """Say what the pickle would call, beyond what is kept as data; strangers' code first."""
    names = [name for name, use in uses.items() if use.called and name not in kept and not name.startswith(_OF_TENSORS)]
    names.sort(key=lambda name: (name.startswith("torch."), name))
    if not names:
        return (
            "refused: not a pickle of plain tensors that torch's safe reader takes: "
            f"{_first_line(error).rstrip('.')}; save model.state_dict() with torch.save as it is, if it is your own"
        )
    called = ", ".join(shortened(name) for name in names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        f"refused: opening it would call {called}{more}, so nothing of it was run; "
        "save model.state_dict() if it is your own"
    )


def _first_line(error: Exception) -> str:
    """Return what torch's reader met, without its advice: to load all the same what may run code, to write to it."""
    reason = _ADVICE.split(str(error).rpartition(_READER_SAYS)[2])[0].strip()
    return printable(reason.splitlines()[0].strip()) if reason else type(error).__name__


def _state_dict(content: object, file: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the tensors by name, and the keys that lead to them: the commonest first, else where most tensors are."""
    place = printable(str(file))
    if not isinstance(content, Mapping):
        raise _no_state_dict(content, place)
    for key in _STATE_KEYS:
        inner = content.get(key)
        if isinstance(inner, Mapping) and (state := _tensors(inner)):
            return state, (key,)
    keys, found = max(_mappings(content), key=lambda each: _named_tensors(each[1]))
    if not (state := _tensors(found)):
        module = next((value for value in content.values() if isinstance(value, Kept) and _is_module(value)), None)
        if module is not None:
            raise _no_state_dict(module, place)
        shown = ", ".join(shortened(str(key)) for key in list(content)[:5])
        raise BrokenFileError("no-tensors", place, f"holds no state_dict; its keys are {shown or 'none'}")
    return state, keys


def _mappings(content: _Content) -> Iterator[tuple[tuple[str, ...], _Content]]:
    """Yield a mapping and those inside it, each once, with the keys that lead to each."""
    seen = {id(content)}
    found: list[tuple[tuple[str, ...], _Content]] = [((), content)]
    for keys, mapping in found:  # grows while it is read
        yield keys, mapping
        for key, value in mapping.items() if len(keys) < _DEEPEST else ():
            if isinstance(value, Mapping) and id(value) not in seen:
                seen.add(id(value))
                found.append(((*keys, str(key)), value))


def _named_tensors(content: Mapping[Any, Any]) -> tuple[int, int]:
    """Count the tensors whose names have a path, as those of modules in modules do, and all."""
    names = [str(name) for name, value in content.items() if isinstance(value, Tensor)]
    return sum("." in name for name in names), len(names)


def _no_state_dict(content: object, place: str) -> BrokenFileError:
    if isinstance(content, Kept) and _is_module(content):
        message = (
            f"refused: holds a whole module of class {shortened(type(content).kept_as)}, whose code it would run, and "
            "not its weights alone; save model.state_dict() if it is your own"
        )
        return BrokenFileError("unsafe-pickle", place, message)
    return BrokenFileError("no-tensors", place, f"holds a {type(content).__name__}, not a state_dict")


def _is_module(value: Kept) -> bool:
    return {"_parameters", "_modules"} <= vars(value).keys()


def _tensors(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {str(name): value.detach() for name, value in content.items() if isinstance(value, Tensor)}


def _stored(state: Mapping[str, Tensor], file: Path, findings: list[Finding]) -> dict[str, StoredTensor]:
    """Describe the tensors of one file; one without numbers, or in a format of no GPT-2, is named and left out."""
    found = {}
    empty: list[Finding] = []
    for name, value in state.items():
        if value.is_meta:
            empty.append(Finding("error", _NO_DATA, printable(name), _EMPTY))
            continue
        dtype = _DTYPES.get(value.dtype)
        problem = _no_weight(value)
        if dtype is None or problem:
            message = problem or f"{value.dtype} is no format of GPT-2 weights"
            findings.append(Finding("error", "dtype", printable(name), message))
            continue
        found[name] = StoredTensor(name, dtype, tuple(value.shape), file, storage=value.untyped_storage()._cdata)
    findings += limited(empty, _NO_DATA)
    return found


def _no_weight(value: Tensor) -> str:
    """Say what keeps a tensor from being numbers that lie in the file, each once; nothing where it is."""
    if value.is_nested or value.layout != torch.strided:
        kind = "nested tensor" if value.is_nested else f"tensor in {value.layout}"
        return f"a {kind} is no format of GPT-2 weights; save it as a plain one"
    stored = value.untyped_storage().nbytes() // value.element_size()
    if value.numel() > stored:
        return (
            f"{value.numel():,} numbers on paper, {stored:,} in the file, which it repeats; save it after .contiguous()"
        )
    return ""


def _settings(content: object) -> tuple[str, dict[str, object]] | None:
    """Return the settings that a layout's program keeps beside the weights, with their key."""
    assert isinstance(content, Mapping)
    for layout in LAYOUTS.values():
        found = content.get(layout.settings_key) if layout.settings_key else None
        if isinstance(found, Mapping):
            return str(layout.settings_key), {str(key): value for key, value in found.items()}
    return None


def _extras(content: object, keys: tuple[str, ...]) -> dict[str, int]:
    """Return the bytes of tensors beside the weights, by the first key: an optimizer's state."""
    if not keys or not isinstance(content, Mapping):
        return {}
    sizes = {str(name): _bytes_in(value) for name, value in content.items()}
    held: Any = content
    for key in keys:
        held = next(value for name, value in held.items() if str(name) == key)
    sizes[keys[0]] -= _bytes_in([value for value in held.values() if isinstance(value, Tensor)])
    return {name: size for name, size in sizes.items() if size}


def _bytes_in(value: object) -> int:
    """Add up the tensors in a value, each once."""
    seen: set[int] = set()
    left, total = [value], 0
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Tensor):
            total += each.nbytes
        elif isinstance(each, Mapping | list | tuple):
            left += each.values() if isinstance(each, Mapping) else each
    return total
