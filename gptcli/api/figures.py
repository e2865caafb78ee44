"""Each estimate beside its measurement: the one place where the analysis and the running network meet."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gptcli.analysis.flops import flops_report
from gptcli.analysis.memory import gradients_bytes, kv_cache_bytes, optimizer_bytes
from gptcli.analysis.optimizers import Optimizer, implementation, optimizer_named
from gptcli.analysis.params import count_parameters
from gptcli.analysis.passes import swept
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network, steps
from gptcli.architecture.dtypes import bytes_of
from gptcli.checkpoints import Recognised
from gptcli.reports.verify import Check

if TYPE_CHECKING:
    from gptcli.model.measure import MeasuredRun

# The allocator rounds to 512 bytes and libraries keep workspaces; LLMem's published figure for one GPU is the bound.
CUDA_TOLERANCE = 0.016

CHECKS = 15


def measured_run(options: Workload, *, fake: bool) -> "MeasuredRun":
    """Return what to build and run so that it is what the options describe."""
    from gptcli.model.measure import MeasuredRun

    optimizer = optimizer_named(options.optimizer)
    return MeasuredRun(
        batch=options.batch,
        tokens=options.tokens,
        dtype=options.dtype,
        amp=options.amp,
        attention=options.attention,
        optimizer=_class_of(optimizer),
        others=_class_of(optimizer_named(optimizer.others)) if optimizer.others else None,
        momentum=optimizer.momentum,
        optimizer_impl=implementation(options.optimizer_impl, options.device, options.optimizer),
        recompute=options.recompute == "block",
        free_logits=options.free_logits,
        accumulate=options.accumulate,
        device=options.device,
        fake=fake,
    )


def _class_of(optimizer: Optimizer) -> str:
    return f"{optimizer.package}.{optimizer.class_name}"


def checks(
    network: Network, inference: Workload, training: Workload, *, fake: bool, trained: Network | None = None
) -> Iterator[Check]:
    """Measure and yield one figure after the other.

    Args:
        network: the described model.
        inference: the forward pass; of generation it says how much is read and cached.
        training: the training step.
        fake: measure on fake tensors.
        trained: what the step trains, where that is not the network as it is but one with adapters.
    """
    from gptcli.model import measure

    run, trained = measured_run(training, fake=fake), trained or network
    tolerance = CUDA_TOLERANCE if training.device == "cuda" and not fake else 0.0
    yield check("parameters", count_parameters(network), measure.count_parameters(network), "parameters")
    yield _step_shapes(network, inference, run)
    flops = flops_report(network.on("explicit"), batch=inference.batch, tokens=inference.tokens)
    forward, both = measure.flops(network, run)
    yield check("forward FLOPs", flops.forward_flops, forward, "FLOPs")
    yield check("training FLOPs", flops.training_flops, both, "FLOPs")
    passed = measure.forward_pass(network, measured_run(inference, fake=fake))
    estimate = swept(network, inference).peak
    yield check("peak of a forward pass", estimate, passed.peak, "bytes", tolerance, passed.scratch)
    generating = replace(inference, mode="generate")
    generated = measure.generation(network, measured_run(generating, fake=fake))
    yield check("KV cache", kv_cache_bytes(network, generating), generated.kv_cache, "bytes")
    peak, estimate = max(generated.prefill, generated.decode), swept(network, generating).peak
    yield check("peak of generation", estimate, peak, "bytes", tolerance, generated.scratch)
    step = measure.training_step(trained, run)
    dtype = training.dtype
    yield check("weights", bytes_of(count_parameters(trained), dtype), step.weights, "bytes")
    yield check("gradients", gradients_bytes(trained, dtype), step.gradients, "bytes")
    state = optimizer_bytes(trained, training.optimizer, dtype)
    yield check("optimizer state", state, step.optimizer_state, "bytes")
    step_memory = swept(trained, training)
    yield check("peak of a training step", step_memory.peak, step.peak, "bytes", tolerance, step.scratch)
    for phase, peak in step_memory.phases.items():
        yield check(f"peak of its {phase}", peak, step.phases[phase], "bytes", tolerance)


def stored_parameters(network: Network, checkpoint: Recognised) -> Check:
    """Compare the count with the numbers that a checkpoint's file holds; a tied head that is stored too counts once."""
    assert checkpoint.matched is not None
    stored = sum(tensor.numbers for tensor in checkpoint.matched.parameters()) - checkpoint.counted_twice()
    return check("parameters in the checkpoint", count_parameters(network), stored, "parameters")


def check(name: str, estimated: int, measured: int, unit: str, tolerance: float = 0.0, scratch_bytes: int = 0) -> Check:
    """Compare an estimate with a measurement."""
    error = (estimated - measured) / measured if measured else float(estimated != measured)
    return Check(name, estimated, measured, error, tolerance, abs(error) <= tolerance, unit, scratch_bytes)


def _step_shapes(network: Network, options: Workload, run: "MeasuredRun") -> Check:
    """Count the steps whose path and shape the description has right, in order."""
    from gptcli.model import measure

    sizes = network.sizes_for(options.batch, options.tokens)
    described = [(step.path, step.numbers) for step in steps(network.on(options.attention), sizes)]
    seen = measure.step_shapes(network, run)
    right = sum(ours == theirs for ours, theirs in zip(described, seen, strict=False))
    return check("step shapes", len(described), right if len(seen) == len(described) else len(seen), "steps")
