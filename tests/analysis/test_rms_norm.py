"""RMSNorm's memory: measured to the byte on the CPU, where torch makes five to seven calls of it, and CUDA's rule."""

from typing import Any

import pytest
import torch
from msgspec.structs import replace
from torch.nn import functional as F

from gptcli.analysis import passes
from gptcli.analysis.memory import ledger
from gptcli.analysis.passes import BACKWARD, FORWARD, LOSS, swept
from gptcli.analysis.program import section_of
from gptcli.analysis.sweep import Sweep
from gptcli.analysis.workload import Workload
from gptcli.api.figures import measured_run
from gptcli.architecture import describe
from gptcli.architecture.axes import ONE, B, C, T
from gptcli.architecture.books import Amount, Conditions, Gradient, Kernel, Temporary, Value
from gptcli.architecture.parts.rms_norm import RMSNorm
from gptcli.config import ModelConfig
from gptcli.model.measure import forward_pass, generation, storage_bytes, training_step
from tests.analysis.tensors import Readings, readings_of_a_step
from tests.analysis.test_passes import random_case
from tests.analysis.test_phases import Noting, swept_case

FAKE = pytest.mark.parametrize("fake", [False, True], ids=["real", "fake"])


def case(seed: int, mode: Any) -> tuple[ModelConfig, Workload]:
    """A random config with RMSNorm; every other step lets its logits go."""
    config, options = random_case(seed)
    return replace(config, norm="rms_norm"), replace(options, mode=mode, free_logits=seed % 2 == 1)


@pytest.mark.slow
@FAKE
@pytest.mark.parametrize("seed", range(1200, 1212))
def test_a_step_is_measured_to_the_byte(seed: int, fake: bool) -> None:
    config, options = case(seed, "training")
    memory, measured = (
        swept(describe(config), options),
        training_step(describe(config), measured_run(options, fake=fake)),
    )
    assert memory.peak == measured.peak == sum(line.bytes for line in ledger(memory))
    assert memory.phases == measured.phases


@pytest.mark.slow
@FAKE
@pytest.mark.parametrize("seed", range(1300, 1306))
def test_inference_is_measured_to_the_byte(seed: int, fake: bool) -> None:
    config, options = case(seed, "inference")
    run = measured_run(options, fake=fake)
    assert swept(describe(config), options).peak == forward_pass(describe(config), run).peak
    generated = generation(describe(config), run)
    expected = {"prefill": generated.prefill, "decode": generated.decode}
    assert swept(describe(config), replace(options, mode="generate")).phases == expected


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(800, 840))
def test_every_reading_is_measured_to_the_byte(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each temporary of a backward is seen where it is made, and each that is gone a moment too early or too late."""
    config, options = swept_case(seed)
    config = replace(config, norm="rms_norm")
    monkeypatch.setattr(passes, "Memory", Noting)
    memory, measured = swept(describe(config), options), readings_of_a_step(config, options)
    assert isinstance(memory, Noting)
    assert memory.readings[FORWARD][1:] == measured[FORWARD][1:]  # the first two come in the other order
    assert memory.readings[LOSS] == measured[LOSS]
    assert memory.readings[BACKWARD] == measured[BACKWARD]


def readings_of_the_call(shape: tuple[int, int, int], dtype: torch.dtype) -> list[int]:
    """What is alive whenever ``F.rms_norm`` or its backward makes a tensor, beside what was there before."""
    x, weight = torch.zeros(shape, dtype=dtype), torch.zeros(shape[2], dtype=dtype)
    x.requires_grad_()
    weight.requires_grad_()
    existing = [x, weight, incoming := torch.zeros(shape, dtype=dtype)]
    tracker = Readings(existing)
    with tracker:
        value = F.rms_norm(x, (shape[2],), weight, 1e-5)
        value.backward(incoming)
    return [reading - storage_bytes(existing) for reading in tracker.readings[len(existing) :]]


def readings_of_its_kernels(shape: tuple[int, int, int], item: int) -> list[int]:
    sizes = dict(zip("BTC", shape, strict=True))
    given = Conditions(sizes=sizes, item=item, stream_item=item, training=True, device="cpu")
    operation = RMSNorm(label="RMSNorm", shape=(B, T, C), features=C, eps=1e-5)
    section = section_of(operation.kernels("norm", [Value("x", item, (B, T, C))], given), "norm")
    memory = Noting(sizes)
    memory.begin(FORWARD)
    x, incoming = (memory.allocate(Amount("Value", (B, T, C), item)) for _ in range(2))
    x.references += 1
    incoming.references += 1
    before = memory.live
    sweep = Sweep(memory)
    _, nodes = sweep.forward(section, x, saving=True)
    sweep.backward(nodes, {"norm": incoming})
    return [reading - before for reading in memory.readings[FORWARD][2:]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 8), (1, 3, 8), (2, 1, 8), (1, 1, 8), (2, 3, 1), (1, 1, 1)], ids=str)
def test_the_call_alone_is_measured_to_the_byte(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    """A row of one number has the shape of its root, so there nothing was broadcast and nothing is summed."""
    found = readings_of_the_call(shape, dtype)
    assert found == readings_of_its_kernels(shape, dtype.itemsize)
    assert len(found) == (18 if dtype == torch.float32 else 23) - (shape[2] == 1)


VALUE, WIDE = Amount("Value", (ONE,), 4), Amount("Wide", (C,), 4)


def readings(*gradients: Gradient | Temporary) -> list[int]:
    """What is alive whenever the backward of a kernel that reads x makes a tensor; the step's own four are left out."""
    memory = Noting({"C": 100})
    memory.begin(FORWARD)
    sweep = Sweep(memory)
    section = section_of([Kernel(outs=("y",), made=(VALUE,), reads=("x",), gradients=gradients)], "y")
    result, nodes = sweep.forward(section, memory.allocate(VALUE), saving=True)
    memory.begin(BACKWARD)
    incoming = {"y": memory.allocate(VALUE)}
    sweep.backward(nodes, incoming)
    memory.release(result)
    assert memory.live == sum(memory.bytes_of(buffer.amount) for buffer in incoming.values())  # no temporary is left
    return [reading - 8 for reading in memory.readings[BACKWARD][1:]]


def test_a_temporary_lies_in_memory_from_its_place_on() -> None:
    to_x, late = Gradient(VALUE, "x"), Gradient(VALUE, "x", late=True)
    assert readings(to_x) == [4]
    assert readings(Temporary(WIDE), to_x) == [400, 404]
    assert readings(to_x, Temporary(WIDE)) == [4, 404]
    assert readings(Temporary(WIDE), Temporary(WIDE), to_x) == [400, 800, 804]
    assert readings(Temporary(WIDE), late) == [400, 4]  # gone with the kernel's own part
    assert readings(Temporary(WIDE, until="x"), late) == [400, 404]
    assert readings(Temporary(WIDE, late=True), late) == [400, 404]


def test_a_temporary_goes_as_soon_as_what_is_made_of_it_is_there() -> None:
    sum_, cast = Temporary(WIDE, name="sum", until="x", late=True), Gradient(VALUE, "x", late=True)
    assert readings(Temporary(WIDE, until="sum"), sum_, cast) == [400, 800, 404]
    assert readings(Temporary(WIDE, until="x"), sum_, cast) == [400, 800, 804]


CONFIG = ModelConfig(
    vocab_size=4096, context_length=128, emb_dim=128, n_heads=2, n_layers=2, norm="rms_norm", drop_rate=0.1
)


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_cuda_keeps_one_fp32_statistic_a_token(dtype: str) -> None:
    """``_fused_rms_norm_cuda`` in aten/src/ATen/native/cuda/layer_norm_kernel.cu makes rstd in ``acc_type`` of its
    input; derivatives.yaml saves input, weight and that, and ``_fused_rms_norm_backward`` makes two gradients."""
    x = torch.empty(4, 128, 128, device="meta", dtype=torch.bfloat16)
    value, rstd = torch.ops.aten._fused_rms_norm(x, (128,), torch.empty(128, device="meta", dtype=x.dtype), 1e-5)
    assert (value.dtype, rstd.dtype, rstd.numel()) == (x.dtype, torch.float32, 4 * 128)
    options = Workload(batch=4, tokens=128, mode="training", device="cuda", dtype=dtype)
    found = {line.label: line.bytes for line in ledger(swept(describe(CONFIG), options))}
    norms, item = 2 * 2 + 1, {"fp32": 4, "bf16": 2}[dtype]
    assert found["RMSNorm statistics"] == norms * 4 * 128 * 4
    values = [found[label] for label in ("RMSNorm 1", "RMSNorm 2", "Final RMSNorm")]
    assert values == [2 * x.numel() * item, 2 * x.numel() * item, x.numel() * item]
    assert not {"RMSNorm steps", "Temporaries of the backward pass"} & set(found)
