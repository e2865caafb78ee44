"""What a frozen network does not do: no gradient is made that leads to no trained weight, and nothing kept for it.

As in torch, a value needs a gradient where something that it was made of does (``requires_grad``). A call none of whose
inputs does has no backward: what it made beside its value goes at once. One that has keeps only what the gradients that
are wanted need (``should_compute_output`` in torch's generated ``VariableType``). Autocast casts a frozen weight anew
each time, as its cache is for leaves that require a gradient (``cached_cast`` in ``aten/src/ATen/autocast_mode.cpp``).
"""

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from gptcli.analysis.program import SOURCE, Program, Repeated, Section
from gptcli.architecture.books import Gradient, Kernel, Temporary

Trains = Callable[[str], bool]  # of the gradient of a parameter, by its name in a section


def without_frozen(program: Program, trains: Trains) -> Program:
    """Return the program whose other weights are frozen; the first layer may run in another way than those after it."""
    before, needed = _filtered(program.before, trains, needed=False)
    runs: list[Repeated] = []
    for run in program.runs:
        first, after_first = _period(run.period, trains, needed=needed)
        if after_first == needed:
            runs.append(Repeated(first, run.times))
            continue
        runs.append(Repeated(first, 1))
        needed = after_first
        if run.times > 1:
            runs.append(Repeated(_period(run.period, trains, needed=needed)[0], run.times - 1))
    after, _ = _filtered(program.after, trains, needed=needed)
    return replace(program, before=before, runs=runs, after=after)


class _Sections(NamedTuple):
    listed: list[Section]
    needed: bool


def _period(period: list[Section], trains: Trains, *, needed: bool) -> _Sections:
    found = []
    for section in period:
        filtered, needed = _filtered(section, trains, needed=needed)
        found.append(filtered)
    return _Sections(found, needed)


def _filtered(section: Section, trains: Trains, *, needed: bool) -> tuple[Section, bool]:
    """Return a section without what is not needed, and whether its result needs a gradient."""
    needs = {SOURCE} if needed else set()
    kernels = []
    for kernel in section.kernels:
        kept = _kept(kernel, needs, trains)
        if kept.differentiable:
            needs.update(kept.outs)
        kernels.append(kept)
    return replace(section, kernels=kernels), section.result in needs


def _kept(kernel: Kernel, needs: set[str], trains: Trains) -> Kernel:
    if not kernel.differentiable:
        return kernel
    wanted = {
        each.of
        for each in kernel.gradients
        if isinstance(each, Gradient) and (trains(each.of) if each.parameter else each.of in needs)
    }
    wanted |= {kernel.arrives} if kernel.arrives and trains(kernel.arrives) else set()
    reads = tuple(read for read in kernel.reads if read in needs)
    if not wanted and not reads:
        return replace(kernel, differentiable=False, saves=(), gradients=(), cached=False)
    return replace(
        kernel,
        reads=reads,
        saves=tuple(name for name in kernel.saves if _is_needed(kernel, name, wanted)),
        gradients=_gradients(kernel, wanted),
        keeps=bool(kernel.saves) or len(kernel.made) > 1,
    )


def _is_needed(kernel: Kernel, saved: str, wanted: set[str]) -> bool:
    """Return whether a saved value is for a gradient that is wanted; one that is said to be for none is for all."""
    purposes = [gradient for name, gradient in kernel.saved_for if name == saved]
    return not purposes or any(purpose in wanted for purpose in purposes)


def _gradients(kernel: Kernel, wanted: set[str]) -> tuple[Gradient | Temporary, ...]:
    """Leave out what is not wanted, and what is made on the way to it."""
    made_of = {each.name: each.until for each in kernel.gradients if isinstance(each, Temporary) and each.name}

    def leads(target: str | None) -> bool:
        while target in made_of:
            target = made_of[target]
        return target is None or target in wanted

    return tuple(
        each for each in kernel.gradients if (each.of in wanted if isinstance(each, Gradient) else leads(each.until))
    )
