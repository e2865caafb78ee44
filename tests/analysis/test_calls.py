"""Each part's calls against its leaf: what is alive whenever torch makes a tensor, forward and backward."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gptcli.analysis.passes import BACKWARD, FORWARD
from gptcli.analysis.program import section_of
from gptcli.analysis.sweep import Sweep
from gptcli.architecture.axes import ONE, A, B, C, D, E, H, M, R, Shape, T, number, shape_sizes
from gptcli.architecture.books import FP32, INDEX, Amount, Conditions, Value
from gptcli.architecture.parts.activations import QuickGelu, Relu, Silu, SquaredRelu
from gptcli.architecture.parts.arithmetic import Clamp, Multiply, Scale, Sigmoid, Softcap
from gptcli.architecture.parts.experts import ExpertChoice, Experts, ExpertShares
from gptcli.architecture.parts.layer_norm import LayerNorm
from gptcli.architecture.parts.part import Part
from gptcli.architecture.parts.rms_norm import RMSNorm
from gptcli.architecture.parts.rotary import Rotary
from gptcli.model.measure import storage_bytes
from gptcli.model.parts import leaf_class
from tests.analysis.tensors import Readings
from tests.analysis.test_phases import Noting

SIZES = {"B": 2, "T": 5, "C": 8, "H": 2, "D": 6, "R": 4, "E": 6, "A": 3, "M": 7}
STREAM, HEADS, SCORES, VISITS = (B, T, C), (B, H, T, D), (B, T, E), (B, T, A)
NUMBERS, INTEGERS = torch.float32, torch.int64


def _same(kind: type[Part], shape: Shape = STREAM, **keys: Any) -> tuple[Part, tuple[Shape, ...]]:
    return kind(label="Part", reads=("x",), shape=shape, **keys), (shape,)


def _shares(**keys: Any) -> tuple[Part, tuple[Shape, ...]]:
    return ExpertShares(label="Part", reads=("x", "chosen"), shape=VISITS, **keys), (SCORES, VISITS)


def _choice(**keys: Any) -> tuple[Part, tuple[Shape, ...]]:
    return ExpertChoice(label="Part", reads=("x",), shape=VISITS, **keys), (SCORES,)


def _experts(**keys: Any) -> tuple[Part, tuple[Shape, ...]]:
    part = Experts(
        label="Part", reads=("x", "chosen", "shares"), shape=STREAM, inputs=C, width=M, activation="silu", **keys
    )
    return part, (STREAM, VISITS, VISITS)


def _rotary(**keys: Any) -> tuple[Part, tuple[Shape, ...]]:
    part = Rotary(label="Part", reads=("x", "table"), shape=HEADS, width=R, of=D, **keys)
    return part, (HEADS, (number(2), T, R))


PARTS: dict[str, tuple[Part, tuple[Shape, ...]]] = {
    "silu": _same(Silu),
    "relu": _same(Relu),
    "relu2": _same(SquaredRelu),
    "quick_gelu": _same(QuickGelu),
    "sigmoid": _same(Sigmoid),
    "scale": _same(Scale, factor=3.0),
    "softcap": _same(Softcap, cap=30.0),
    "clamp": _same(Clamp, limit=2.0),
    "multiply": (Multiply(label="Part", reads=("x", "y"), shape=STREAM), (STREAM, STREAM)),
    "multiply broadcast": (Multiply(label="Part", reads=("x", "y"), shape=STREAM), ((B, T, ONE), STREAM)),
    "rms norm": _same(RMSNorm, features=C, eps=1e-5),
    "rms norm, 1 + weight": _same(RMSNorm, features=C, eps=1e-5, scale="one_plus_weight"),
    "rms norm, no weight": _same(RMSNorm, features=C, eps=1e-5, scale="none"),
    "layer norm": _same(LayerNorm, features=C, eps=1e-5),
    "layer norm, 1 + weight": _same(LayerNorm, features=C, eps=1e-5, scale="one_plus_weight"),
    "layer norm of heads": _same(LayerNorm, HEADS, features=D, eps=1e-5, heads=H, bias=False),
    "rotary halves": _rotary(),
    "rotary neighbours": _rotary(interleaved=True),
    "choice": _choice(router="softmax"),
    "choice, corrected": _choice(router="sigmoid", correction="buffer"),
    "choice in groups": _choice(router="sigmoid", correction="buffer", groups=3, top_groups=2),
    "shares, softmax": _shares(router="softmax"),
    "shares, renormalized": _shares(router="softmax", renormalize=True),
    "shares, sigmoid": _shares(router="sigmoid", renormalize=True, scale=2.5),
    "shares of the chosen": _shares(router="softmax_chosen"),
    "shares, sigmoid of the chosen": _shares(router="sigmoid_input"),
    "shares, sparsemixer": _shares(router="sparsemixer", jitter=0.01),
    "experts": _experts(),
    "experts, biases": _experts(bias=True),
    "experts, plain": _experts(gated=False),
    "experts, scaled input": _experts(scaled_input=True),
    "experts, cut": _experts(bias=True, limit=7.0),
}


def _tensors(part: Part, shapes: tuple[Shape, ...], sizes: dict[str, int], dtype: torch.dtype) -> Iterator[Tensor]:
    for read, shape in zip(part.reads, shapes, strict=True):
        numbers = shape_sizes(shape, sizes)
        if read == "chosen":  # different experts for each token
            yield torch.arange(numbers[-1]).repeat(*numbers[:-1], 1)
        elif read == "table":
            yield torch.ones(numbers, dtype=dtype)
        else:
            yield torch.ones(numbers, dtype=dtype, requires_grad=True)


def readings_of_the_leaf(
    part: Part, shapes: tuple[Shape, ...], sizes: dict[str, int], dtype: torch.dtype
) -> dict[str, list[int]]:
    """Bytes alive beside what a leaf reads and its weights, whenever it or its backward makes a tensor."""

    def parameter(_name: str, shape: Shape) -> nn.Parameter:
        return nn.Parameter(torch.ones(shape_sizes(shape, sizes), dtype=dtype))

    leaf = leaf_class(type(part))(part, sizes, parameter)
    reads = list(_tensors(part, shapes, sizes, dtype))
    existing = [*reads, *leaf.parameters(), *leaf.buffers()]
    out = leaf(*reads)
    incoming = torch.zeros(out.shape, dtype=out.dtype)
    del out
    existing.append(incoming)
    tracker, before = Readings(existing), storage_bytes(existing)
    found: dict[str, list[int]] = {FORWARD: [], BACKWARD: []}
    with tracker:
        tracker.readings = found[FORWARD]
        out = leaf(*reads)
        found[FORWARD].append(tracker.live)
        tracker.readings = found[BACKWARD]
        if out.requires_grad:
            out.backward(incoming)
        found[BACKWARD].append(tracker.live)
    return {phase: [reading - before for reading in listed] for phase, listed in found.items()}


def readings_of_the_books(
    part: Part, shapes: tuple[Shape, ...], sizes: dict[str, int], item: int
) -> dict[str, list[int]]:
    given = Conditions(sizes=sizes, item=item, stream_item=item, training=True, device="cpu")
    items = {"chosen": INDEX}
    values = [
        Value(read, items.get(read, item), shape, grad=read not in ("chosen", "table"))
        for read, shape in zip(part.reads, shapes, strict=True)
    ]
    kernels = part.kernels("out", values, given)
    memory = Noting(sizes)
    memory.begin(FORWARD)
    sweep = Sweep(memory)
    for value in values:
        sweep.shared[value.name] = memory.allocate(Amount("Read", value.shape, value.item))
        sweep.shared[value.name].references += 2
    last = next(kernel.value for kernel in reversed(kernels) if kernel.value and kernel.outs[0] == "out")
    incoming = memory.allocate(Amount("Incoming", last.shape, last.item))
    incoming.references += 1
    before = memory.live
    memory.readings[FORWARD] = []
    _, nodes = sweep.forward(section_of(kernels, "out"), None, saving=True)
    memory.readings[FORWARD].append(memory.live)
    memory.begin(BACKWARD)
    memory.readings[BACKWARD] = []
    if any(node.kernel.differentiable for node in nodes):
        produced = {name for node in nodes for name in node.kernel.outs} | {v.name for v in values if v.grad}
        sweep.backward(nodes, {"out": incoming}, produced=produced)
    memory.readings[BACKWARD].append(memory.live)
    return {phase: [reading - before for reading in listed] for phase, listed in memory.readings.items()}


def _highest_and_last(readings: dict[str, list[int]]) -> dict[str, tuple[int, int]]:
    return {phase: (max(listed), listed[-1]) for phase, listed in readings.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("name", PARTS)
def test_a_part_allocates_what_its_calls_say(name: str, dtype: torch.dtype) -> None:
    part, shapes = PARTS[name]
    measured = readings_of_the_leaf(part, shapes, SIZES, dtype)
    assert readings_of_the_books(part, shapes, SIZES, dtype.itemsize) == measured


@pytest.mark.parametrize("name", [name for name in PARTS if name.startswith("experts")])
def test_one_token_goes_another_way(name: str) -> None:
    part, shapes = PARTS[name]
    sizes = SIZES | {"B": 1, "T": 1}
    measured = readings_of_the_leaf(part, shapes, sizes, torch.float32)
    assert _highest_and_last(readings_of_the_books(part, shapes, sizes, FP32)) == _highest_and_last(measured)
