"""Every figure of a model, measured on this machine."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gptcli.analysis.optimizers import OPTIMIZERS, TORCH, implementation, optimizer_named
from gptcli.analysis.run_facts import routing_rule, run_facts
from gptcli.analysis.workload import Workload
from gptcli.api.figures import CHECKS, checks, measured_run, stored_parameters
from gptcli.api.models import ChosenModel
from gptcli.api.witness import WITNESS_CHECKS, witness_checks, witness_used
from gptcli.architecture import Network
from gptcli.errors import InputError
from gptcli.reports.verify import Check, OptionValue, VerifyReport

if TYPE_CHECKING:
    from gptcli.model.witness import Witness, WitnessName

# Passes checks on, and is told how many are to come.
Counted = Callable[[Iterator[Check], int], Iterable[Check]]

_OF_THE_OUTPUT = ("json",)


def refuse_unmeasurable(name: str, *, quick: bool) -> None:
    """Refuse an optimizer whose step cannot be run here, so not measured.

    Raises:
        InputError: its package is not installed, or its kernels do not run on fake tensors; with the ways out.
    """
    optimizer = optimizer_named(name)
    package, installed = optimizer.package.partition(".")[0], optimizer.installed
    if optimizer.package != TORCH and find_spec(package) is None:
        of_torch = ", ".join(each for each, row in OPTIMIZERS.items() if row.package == TORCH)
        raise InputError(
            f"--optimizer {name}: a step of it cannot be measured, because {installed} is not installed; "
            f"'pip install {installed}', or take one of torch's: {of_torch}"
        )
    if quick and optimizer.has_kernels:
        raise InputError(f"--optimizer {name}: kernels of {installed} do not run on fake tensors; leave --quick out")


def verified(
    chosen: ChosenModel,
    training: Workload,
    witness: "WitnessName",
    *,
    trained: Network | None = None,
    quick: bool,
    asked: Mapping[str, Any],
    counted: Counted = lambda found, _total: found,
) -> VerifyReport:
    """Measure every figure of a model, a forward pass and a training step.

    Args:
        chosen: the model; the count of a checkpoint is compared with its file too.
        training: the step, on the device that measures; the pass has the same size.
        witness: the name of the network that shares nothing with the description.
        trained: what the step trains, where that is not the model as it is but one with adapters.
        quick: measure on fake tensors.
        asked: what every option was asked to be, as `options_used` takes it.
        counted: wraps the checks, to show how many are done.
    """
    from gptcli.model import measure
    from gptcli.model.witness import has_witness, witness_named

    started = perf_counter()
    model, device = chosen.config, training.device
    beside = witness_named(witness) if has_witness(model) else None
    total = CHECKS + (WITNESS_CHECKS if beside else 0)
    found = list(counted(_figures(chosen, training, trained, beside, quick=quick), total))
    if chosen.checkpoint is not None:
        found.append(stored_parameters(chosen.network, chosen.checkpoint))
    return VerifyReport(
        config=model,
        quick=quick,
        **run_facts(training, VerifyReport),
        device_name=measure.card_name() if device == "cuda" else None,
        workspace_bytes=measure.library_workspaces(measured_run(training, fake=quick)),
        instrument=measure.instrument(device, fake=quick),
        options=options_used(
            asked,
            device=device,
            seq_len=training.tokens,
            optimizer_impl=implementation(training.optimizer_impl, device, training.optimizer),
            drop_rate=model.drop_rate,
            threads=measure.threads(),
            torch=measure.torch_version(),
        ),
        routing=routing_rule(chosen.network),
        witness=None if beside is None else witness_used(model, beside),
        checks=found,
        ok=all(check.ok for check in found),
        seconds=perf_counter() - started,
    )


def _figures(
    chosen: ChosenModel, training: Workload, trained: Network | None, witness: "Witness | None", *, quick: bool
) -> Iterator[Check]:
    model, inference = chosen.network, replace(training, mode="inference")
    return chain(
        () if witness is None else witness_checks(model, training.attention, witness),
        checks(model, inference, training, fake=quick, trained=trained),
    )


def options_used(asked: Mapping[str, Any], **used: OptionValue) -> dict[str, OptionValue]:
    """Return every option of the command with the value that it ran with.

    Args:
        asked: each option's value, by the option's name; one that is added to the command is here by itself.
        used: what ``auto`` and defaults were resolved to, and what no option says. Where that is not what was asked,
            the latter stands under ``NAME_asked``.
    """
    options: dict[str, OptionValue] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in sorted(asked.items())
        if name not in _OF_THE_OUTPUT
    }
    resolved = {f"{name}_asked": options[name] for name, value in used.items() if options.get(name, value) != value}
    return {**options, **used, **resolved}
