"""A forward pass watched step by step: statistics and time of each, and the tensors and maps that were requested.

Nothing of a step is kept but its figures, so the pass takes the memory that it takes untraced.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from weakref import ref

import torch
from msgspec import Struct
from msgspec.structs import asdict
from torch import Tensor

from gptcli.architecture import Network
from gptcli.checkpoints import Recognised
from gptcli.model.forward import DTYPES, ForwardOptions, run_forward, top_tokens
from gptcli.model.gpt import GPT
from gptcli.model.statistics import Portion, combined, portions
from gptcli.model.steps_file import StepsFile, opened
from gptcli.model.tap import Listener
from gptcli.reports.flow import FlowReport, FlowStep
from gptcli.reports.forward import ForwardReport, NextToken
from gptcli.reports.tokens import Token
from gptcli.reports.trace import AttentionMap, LensRow, TensorText, TraceReport, TraceStep

_MASK, _WEIGHTS = "causal_mask", "softmax"  # kinds of operation


class TraceOptions(Struct, frozen=True, kw_only=True):
    """What is kept beside the figures.

    Attributes:
        tensor: the path of a step to print, or None.
        map_blocks: blocks whose attention is kept, for each of ``map_heads``.
        map_heads: heads whose attention is kept.
        map_tokens: how many of a text's first tokens the maps have, or None for all; their rows stay whole.
        lens: ask the output head after every block.
    """

    tensor: str | None = None
    map_blocks: Sequence[int] = ()
    map_heads: Sequence[int] = ()
    map_tokens: int | None = None
    lens: bool = False


class Tracer:
    """The listener: reads each tensor while the network has it, and lets go of it.

    Args:
        steps: the described steps.
        device: whose clock measures.
    """

    def __init__(self, steps: Sequence[FlowStep], device: str = "cpu") -> None:
        self._masked = {step.path for step in steps if step.operation == _MASK}
        self._clock = _CudaClock() if device == "cuda" else _Clock()
        self._seen: dict[str, _Seen] = {}
        self._before: tuple[ref[Tensor], list[Portion]] | None = None
        self.others: list[Listener] = []
        self._resumed = self._clock.mark()

    def start(self) -> None:
        """Let the time of the first step begin."""
        self._resumed = self._clock.mark()

    def __call__(self, path: str, x: Tensor) -> None:
        """Take the figures of a step's output."""
        ended = self._clock.mark()
        read = self._known(x) or portions(x, masked=path in self._masked)
        self._before = (ref(x), read)
        self._seen[path] = _Seen(tuple(x.shape), read, (self._resumed, ended))
        for listener in self.others:
            listener(path, x)
        self._resumed = self._clock.mark()

    def _known(self, x: Tensor) -> list[Portion] | None:
        """Return the figures of the step before, where this one has the same numbers: handed on, or viewed."""
        before = self._before and self._before[0]()
        if self._before is None or before is None:
            return None
        return self._before[1] if before is x or _same_numbers(before, x) else None

    def traced(self, steps: Sequence[FlowStep]) -> list[TraceStep]:
        """Return the steps with their figures; waits for the device."""
        own = {path: self._clock.seconds(*seen.marks) for path, seen in self._seen.items()}
        statistics = {id(s.read): combined(s.read, _count(s.shape)) for s in self._seen.values()}
        found = []
        for step in steps:
            seen = self._seen[step.path]
            whole = own[step.path] + sum(own[p] for p in own if step.group and p.startswith(f"{step.path}."))
            figures = asdict(statistics[id(seen.read)])
            found.append(TraceStep(**asdict(step) | {"shape": seen.shape} | figures, seconds=whole))
        return found


class _Seen(Struct, frozen=True):
    """A step's shape, its figures, and the marks of the clock around it."""

    shape: tuple[int, ...]
    read: list[Portion]
    marks: tuple[object, object]


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _same_numbers(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors lie over all of one storage, each number once, however they are ordered."""
    storage = other.untyped_storage()
    whole = storage.nbytes() == one.nbytes == other.nbytes
    return whole and one.untyped_storage().data_ptr() == storage.data_ptr()


class _Clock:
    """The time of this process."""

    def mark(self) -> object:
        return perf_counter()

    def seconds(self, start: object, end: object) -> float:
        assert isinstance(start, float)
        assert isinstance(end, float)
        return end - start


class _CudaClock(_Clock):
    """The time of the card, by events in its queue: the network need not wait for the clock, nor it for the network."""

    def mark(self) -> object:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def seconds(self, start: object, end: object) -> float:
        assert isinstance(start, torch.cuda.Event)
        assert isinstance(end, torch.cuda.Event)
        end.synchronize()
        return float(start.elapsed_time(end)) / 1000


def run_trace(
    network: Network,
    flow: FlowReport,
    batch: Sequence[Sequence[int]],
    options: ForwardOptions,
    wanted: TraceOptions,
    *,
    pad_id: int,
    token_text: Callable[[int], str | None],
    targets: Sequence[Sequence[int]] | None = None,
    save: Path | None = None,
    checkpoint: Recognised | None = None,
) -> TraceReport:
    """Run a forward pass and report every step.

    Args:
        network: the described model.
        flow: the steps as they are described, for this batch and this path of attention, with the texts' tokens.
        batch: token ids per text, as of `run_forward`.
        options: as of `run_forward`.
        wanted: what is kept beside the figures.
        pad_id: as of `run_forward`.
        token_text: as of `run_forward`.
        targets: as of `run_forward`.
        save: where to write ``input_ids``, every step under its path, and ``logits`` as safetensors.
        checkpoint: as of `run_forward`.

    Raises:
        WriteError: the file cannot be filled.
    """
    asked = _Asked(flow, wanted, [len(ids) for ids in batch], options.top, token_text)
    tracer: list[Tracer] = []
    with ExitStack() as stack:
        file = stack.enter_context(opened(save)) if save is not None else None

        def watch(model: GPT, ids: Tensor) -> Listener:
            tracer.append(Tracer(flow.steps, options.device))
            tracer[0].others += asked.listeners(model)
            if file is not None:
                tracer[0].others.append(StepsFile(file, ids, flow.steps, DTYPES[options.dtype]))
            if not options.dropout:  # whose random numbers a warm-up would take
                _warm_up(model, ids)
            tracer[0].start()
            return tracer[0]

        report = run_forward(
            network,
            batch,
            options,
            pad_id=pad_id,
            token_text=token_text,
            targets=targets,
            checkpoint=checkpoint,
            watch=watch,
        )
    return _reported(report, flow, tracer[0].traced(flow.steps), asked)


def _warm_up(model: GPT, ids: Tensor) -> None:
    """Run one token through a block, so that no step's time is that of loading what computes it."""
    model.layers[0](*model.embedded(ids[:, :1]))  # (B, 1, C)
    if ids.is_cuda:
        torch.cuda.synchronize()


def _reported(report: ForwardReport, flow: FlowReport, steps: list[TraceStep], asked: "_Asked") -> TraceReport:
    tokens: list[list[Token]] = flow.text_tokens or []
    own = asdict(report) | {
        "command": "trace",
        "batch_size": flow.batch_size,
        "seq_len": flow.seq_len,
        "text_tokens": tokens,
        "sizes": flow.sizes,
        "forward_flops": flow.forward_flops,
        "blocks": flow.blocks,
        "steps": steps,
        "first_not_finite": next((step.path for step in steps if step.not_finite), None),
        "attention_maps": asked.maps if asked.wanted.map_blocks else None,
        "logit_lens": asked.lens if asked.wanted.lens else None,
        "tensor": asked.tensor,
        "steps_seconds": sum(step.seconds for step in steps if not step.group),
    }
    return TraceReport(**own)


class _Asked:
    """What a run keeps beside the figures: what was requested, and what was found."""

    def __init__(
        self,
        flow: FlowReport,
        wanted: TraceOptions,
        lengths: list[int],
        top: int,
        token_text: Callable[[int], str | None],
    ) -> None:
        self.wanted = wanted
        self.maps: list[AttentionMap] = []
        self.lens: list[LensRow] = []
        self.tensor: TensorText | None = None
        self._lengths = lengths
        self._top = top
        self._token_text = token_text
        self._weights = {s.path: s.block for s in flow.steps if s.operation == _WEIGHTS}
        streams = {s.block: s.path for s in flow.steps if s.block is not None}  # the last of each
        embedded = next(step.reads[0] for step in flow.steps if step.block == 0)
        self._streams: dict[str, int | None] = {embedded: None} | {path: block for block, path in streams.items()}

    def listeners(self, model: GPT) -> list[Listener]:
        """Return the listeners that each step needs for what is requested."""
        found: list[Listener] = []
        if self.wanted.tensor is not None:
            found.append(self._note_tensor)
        if self.wanted.map_blocks:
            found.append(self._note_maps)
        if self.wanted.lens:
            found.append(lambda path, x: self._note_lens(model, path, x))
        return found

    def _note_tensor(self, path: str, x: Tensor) -> None:
        if path == self.wanted.tensor:
            self.tensor = TensorText(path, tuple(x.shape), str(x))

    def _note_maps(self, path: str, x: Tensor) -> None:
        """Keep the wanted heads of (B, H, T, T) weights."""
        block = self._weights.get(path)
        if block is None or block not in self.wanted.map_blocks:
            return
        for text, own in enumerate(self._lengths):
            length = min(own, self.wanted.map_tokens or own)
            for head in self.wanted.map_heads:
                weights = x[text, head, :length, :length].tolist()
                self.maps.append(AttentionMap(path, text, block, head, weights))

    def _note_lens(self, model: GPT, path: str, x: Tensor) -> None:
        """Ask the head about the last token of each text in a (B, T, C) stream."""
        if path not in self._streams:
            return
        last = torch.stack([x[text, length - 1] for text, length in enumerate(self._lengths)])  # (B, C)
        logits = model.finished(last)  # (B, V)
        candidates: list[list[NextToken]] = [top_tokens(row, self._top, self._token_text) for row in logits]
        self.lens.append(LensRow(path, self._streams[path], candidates))
