"""Measuring what the analysis estimates: on real tensors or on fake ones, never from the description.

The step that is measured is the one in `gptcli.analysis.passes`. On the CPU torch's profiler records every allocation;
fake tensors allocate nothing, so a tracker follows their storages; on CUDA the allocator's own peak is read.
"""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from inspect import signature
from typing import Any

import torch
from msgspec import Struct
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import Parameter
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from gptcli.architecture import AttentionPath, Network
from gptcli.architecture.roles import ADAPTER
from gptcli.model.cache import KVCache
from gptcli.model.forward import DTYPES
from gptcli.model.gpt import GPT
from gptcli.model.parts.embedding import Embedding
from gptcli.model.parts.leaf import Leaf
from gptcli.model.products import choose_products, room
from gptcli.model.profiled import Recording, recorded
from gptcli.model.tap import observed
from gptcli.model.tracker import LiveBytes, OnesInFakes

_MATRIX = 2  # dimensions


class MeasuredRun(Struct, frozen=True, kw_only=True):
    """What to build and run for a measurement; ``fake`` takes no memory and computes nothing.

    ``optimizer`` is a class by its full name; where ``others`` is one too, that takes all but the layers' matrices.
    ``instrument`` is what measures peaks, where it is not that of `instrument`: the tracker sees real tensors too.
    """

    batch: int
    tokens: int
    dtype: str = "fp32"
    amp: bool = False
    attention: AttentionPath = "sdpa"
    optimizer: str = "torch.optim.AdamW"
    others: str | None = None
    momentum: float | None = None
    optimizer_impl: str = "for-loop"
    recompute: bool = False
    free_logits: bool = False
    accumulate: int = 1
    device: str = "cpu"
    fake: bool = False
    instrument: str | None = None


class MeasuredPass(Struct, frozen=True):
    """Bytes at the peak of a pass, and what kernels' own scratch adds to it, which no estimate holds."""

    peak: int
    scratch: int


class MeasuredStep(Struct, frozen=True):
    """Bytes of a training step; ``phases`` has the peak of each."""

    weights: int
    gradients: int
    optimizer_state: int
    peak: int
    scratch: int
    phases: dict[str, int]


class MeasuredGeneration(Struct, frozen=True):
    """Bytes of the KV cache, and at the peak of reading a prompt and of reading one token."""

    kv_cache: int
    prefill: int
    decode: int
    scratch: int


def storage_bytes(tensors: Iterable[Tensor]) -> int:
    """Return the bytes of the distinct storages behind some tensors."""
    storages = {tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


def kept(model: GPT) -> list[Tensor]:
    """Return all tensors that a network keeps: parameters, buffers, and what leaves hold beside them."""
    return [
        each
        for module in model.modules()
        for each in (*module.parameters(recurse=False), *module.buffers(recurse=False), *vars(module).values())
        if isinstance(each, Tensor)
    ]


def count_parameters(network: Network) -> int:
    """Build the network on the meta device and let torch count its parameters."""
    return sum(parameter.numel() for parameter in GPT(network, device="meta").parameters())


def forward_pass(network: Network, run: MeasuredRun) -> MeasuredPass:
    """Run a forward pass without gradients and return what it took."""
    with _mode(run):
        workspaces = library_workspaces(run)
        model, (ids,) = _built_to_infer(network, run), _token_ids(network, run, 1)
        with torch.no_grad(), _reading([*kept(model), ids], run) as reading, _autocast(run):
            model(ids)
    return MeasuredPass(reading.peak - workspaces, reading.scratch)


def generation(network: Network, run: MeasuredRun) -> MeasuredGeneration:
    """Read a prompt of T tokens into a cache, then the last of T tokens alone, and return what each took."""
    with _mode(run):
        workspaces = library_workspaces(run)
        model, (ids,) = _built_to_infer(network, run), _token_ids(network, run, 1)
        activations = torch.bfloat16 if run.amp else DTYPES[run.dtype]
        cache = KVCache(model.network, run.batch, run.tokens, activations, run.device)
        existing = [*kept(model), *cache.tensors(), ids]
        with torch.no_grad(), _reading(existing, run) as prefill, _autocast(run):
            model(ids, cache)
        cache.truncate(run.tokens - 1)
        with torch.no_grad(), _reading(existing, run) as decode, _autocast(run):
            model(ids[:, -1:], cache)
        return MeasuredGeneration(
            storage_bytes(cache.tensors()),
            prefill.peak - workspaces,
            decode.peak - workspaces,
            max((prefill, decode), key=lambda reading: reading.peak).scratch,
        )


def training_step(network: Network, run: MeasuredRun) -> MeasuredStep:
    """Run a training step in steady state and return what it took."""
    with _mode(run):
        workspaces = library_workspaces(run)
        model = _frozen(_build(network, run).train())
        ids, targets = _token_ids(network, run, 2)
        optimizers = _optimizers(model, run)
        state = [
            each
            for optimizer in optimizers
            for values in optimizer.state.values()
            for each in values.values()
            if isinstance(each, Tensor)
        ]
        with _reading([*kept(model), *state, ids, targets], run) as reading:
            for _ in range(run.accumulate):
                reading.mark("forward")
                with _autocast(run):
                    logits = model(ids)
                    reading.mark("loss")
                    loss = _shared(F.cross_entropy(logits.flatten(0, 1), targets.flatten()), run)
                    if run.free_logits:
                        del logits
                reading.mark("backward")
                loss.backward()  # type: ignore[no-untyped-call]
            gradients = storage_bytes(p.grad for p in model.parameters() if p.grad is not None)
            reading.mark("optimizer step")
            _step(optimizers)
        return MeasuredStep(
            weights=storage_bytes(model.parameters()),
            gradients=gradients,
            optimizer_state=storage_bytes(state),
            peak=reading.peak - workspaces,
            scratch=reading.scratch,
            phases={phase: peak - workspaces for phase, peak in reading.phases.items()},
        )


def flops(network: Network, run: MeasuredRun) -> tuple[int, int]:
    """Return the FLOPs of a forward pass and of forward and backward, by torch's own counter.

    Fake tensors and the explicit attention path are used: the counter reports 0 for the CPU's fused attention.
    """
    with FakeTensorMode():
        model = GPT(network.on("explicit")).train()
        ids = torch.zeros(run.batch, run.tokens, dtype=torch.long)
        with FlopCounterMode(display=False) as forward:
            logits = model(ids)
        with FlopCounterMode(display=False) as backward:
            logits.sum().backward()
    return forward.get_total_flops(), forward.get_total_flops() + backward.get_total_flops()


def step_shapes(network: Network, run: MeasuredRun) -> list[tuple[str, tuple[int, ...]]]:
    """Return path and shape of every step of a forward pass, in order."""
    seen: list[tuple[str, tuple[int, ...]]] = []
    with FakeTensorMode(), torch.no_grad():
        model = GPT(network.on(run.attention)).eval()
        with observed(model, lambda path, x: seen.append((path, tuple(x.shape)))):
            model(torch.zeros(run.batch, run.tokens, dtype=torch.long))
    return seen


def instrument(device: str, *, fake: bool) -> str:
    """Return what measures peaks: a ``tracker`` on fake tensors, CUDA's ``allocator``, or torch's ``profiler``."""
    if fake:
        return "tracker"
    return "allocator" if device == "cuda" else "profiler"


def library_workspaces(run: MeasuredRun) -> int:
    """Return what libraries keep allocated on the card for themselves: nothing of the network's, so not in a peak.

    A matrix product in each direction makes cuBLAS take its workspace; on the CPU there is none.
    """
    if run.device != "cuda" or run.fake:
        return 0
    weight = torch.ones(128, 128, device="cuda", dtype=DTYPES[run.dtype], requires_grad=True)
    (weight @ weight).sum().backward()  # type: ignore[no-untyped-call]
    del weight
    torch.cuda.synchronize()
    return int(torch.cuda.memory_allocated())


def card_name() -> str:
    """Return the name of the CUDA device."""
    return torch.cuda.get_device_name()


def threads() -> int:
    """Return how many threads torch's operations on the CPU use."""
    return torch.get_num_threads()


def torch_version() -> str:
    """Return the version of the torch that measures."""
    return str(torch.__version__)


def _mode(run: MeasuredRun) -> AbstractContextManager[Any]:
    return _fake_tensors() if run.fake else nullcontext()


@contextmanager
def _fake_tensors() -> Iterator[None]:
    with OnesInFakes():
        yield


def _autocast(run: MeasuredRun) -> AbstractContextManager[Any]:
    return torch.autocast(run.device, torch.bfloat16, enabled=run.amp)


def _build(network: Network, run: MeasuredRun) -> GPT:
    """Build with every weight zero: values do not change what memory is taken."""
    network = network.on(run.attention)
    model = GPT(network, dtype=DTYPES[run.dtype], device=run.device, recompute=run.recompute)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    return model


def _built_to_infer(network: Network, run: MeasuredRun) -> GPT:
    """Build as the commands that infer do, the choice of products included."""
    model = _build(network, run).eval()
    if not run.amp:  # a chosen product would not see autocast, and no command infers under it
        choose_products(model)
    return model


def _frozen(model: GPT) -> GPT:
    """Freeze everything but adapters, where there are any."""
    leaves = [module for module in model.modules() if isinstance(module, Leaf)]
    if any(leaf.part.role == ADAPTER for leaf in leaves):
        for leaf in leaves:
            leaf.requires_grad_(leaf.part.role == ADAPTER)
    return model


def _shared(loss: Tensor, run: MeasuredRun) -> Tensor:
    """Return a micro-batch's share of the loss."""
    return loss / run.accumulate if run.accumulate > 1 else loss


def _token_ids(network: Network, run: MeasuredRun, amount: int) -> list[Tensor]:
    shape = (run.batch, run.tokens)
    return [torch.zeros(shape, dtype=torch.long, device=run.device) for _ in range(amount)]


def _optimizers(model: GPT, run: MeasuredRun) -> list[torch.optim.Optimizer]:
    """Make the optimizers in steady state: their state exists, gradients are None."""
    chosen = {"momentum": run.momentum} if run.momentum is not None else {}
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if run.others is None:
        optimizers = [_optimizer(run.optimizer, parameters, run, **chosen)]
    else:
        hidden = {parameter for layer in model.layers for parameter in layer.parameters() if parameter.ndim == _MATRIX}
        optimizers = [_optimizer(run.optimizer, [each for each in parameters if each in hidden], run, **chosen)]
        rest = [each for each in parameters if each not in hidden]
        optimizers += [_optimizer(run.others, rest, run)] if rest else []
    _keep_embeddings_in_fp32(model, run)
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    _step(optimizers)
    return optimizers


def _optimizer(name: str, parameters: list[Parameter], run: MeasuredRun, **chosen: Any) -> torch.optim.Optimizer:
    package, _, class_name = name.rpartition(".")
    made = getattr(import_module(package), class_name)
    # Some optimizers have no ``fused`` or ``foreach``; beside ``foreach``, said or denied, ``fused`` is off anyway.
    how = {"fused": True} if run.optimizer_impl == "fused" else {"foreach": run.optimizer_impl == "foreach"}
    known = signature(made).parameters
    optimizer: torch.optim.Optimizer = made(
        parameters, lr=1e-3, **chosen, **{key: value for key, value in how.items() if key in known}
    )
    return optimizer


def _step(optimizers: list[torch.optim.Optimizer]) -> None:
    for optimizer in optimizers:
        optimizer.step()
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)


def _keep_embeddings_in_fp32(model: GPT, run: MeasuredRun) -> None:
    """Tell bitsandbytes what its documentation and transformers' Trainer tell it of embeddings."""
    if not run.optimizer.startswith("bitsandbytes."):
        return
    manager = import_module("bitsandbytes").optim.GlobalOptimManager.get_instance()
    for module in model.modules():
        if isinstance(module, Embedding):
            manager.register_module_override(module, "weight", {"optim_bits": 32})


class _Reading:
    """What an instrument says of a block of code once it has been left.

    Attributes:
        peak: the most bytes that were alive at once.
        scratch: what the kernels' own memory adds to it, where the instrument sees that.
        phases: the peak from each `mark` to the next; of one name the highest.
    """

    def __init__(self) -> None:
        self.peak = 0
        self.scratch = 0
        self.phases: dict[str, int] = {}

    def mark(self, phase: str) -> None:
        """Begin a phase."""
        raise NotImplementedError


def _reading(existing: list[Tensor], run: MeasuredRun) -> AbstractContextManager[_Reading]:
    how = run.instrument or instrument(run.device, fake=run.fake)
    if how == "tracker":  # fakes have no such room, and one made among them would stay a fake
        return _tracked(existing, () if run.fake else (room(),))
    return {"allocator": _allocated, "profiler": _profiled}[how](existing)


@contextmanager
def _profiled(existing: list[Tensor]) -> Iterator[_Reading]:
    with recorded() as recording:
        reading = _Recorded(recording)
        yield reading
    base = storage_bytes(existing)
    reading.peak = recording.peak(base)
    reading.scratch = recording.peak(base, scratch=True) - reading.peak
    reading.phases = recording.phases(base)


@contextmanager
def _tracked(existing: list[Tensor], beside: Iterable[Tensor]) -> Iterator[_Reading]:
    tracker = LiveBytes(existing, beside)
    with tracker:
        reading = _Stepwise(lambda: tracker.peak, tracker.restart_peak)
        yield reading
        reading.finish()


@contextmanager
def _allocated(existing: list[Tensor]) -> Iterator[_Reading]:
    gc.collect()  # what earlier code left would count
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    reading = _Stepwise(lambda: int(torch.cuda.max_memory_allocated()), torch.cuda.reset_peak_memory_stats)
    yield reading
    torch.cuda.synchronize()
    reading.finish()


class _Recorded(_Reading):
    """Reads a recording, which holds every moment."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording

    def mark(self, phase: str) -> None:
        self._recording.mark(phase)


class _Stepwise(_Reading):
    """Reads an instrument that holds one peak, at the end of each phase."""

    def __init__(self, read: Callable[[], int], restart: Callable[[], None]) -> None:
        super().__init__()
        self._read = read
        self._restart = restart
        self._phase: str | None = None

    def mark(self, phase: str) -> None:
        self.finish()
        self._phase = phase
        self._restart()

    def finish(self) -> None:
        """End the phase that runs."""
        now = self._read()
        self.peak = max(self.peak, now)
        if self._phase is not None:
            self.phases[self._phase] = max(now, self.phases.get(self._phase, 0))
