"""Runs that cannot fit are refused before anything is built."""

from collections.abc import Iterable

from gptcli.analysis.forward_need import forward_need_bytes
from gptcli.analysis.params import count_parameters
from gptcli.analysis.passes import swept
from gptcli.analysis.workload import Workload
from gptcli.api.runs import on_this_processor
from gptcli.architecture import Network
from gptcli.errors import GptcliError
from gptcli.render.units import binary

_FP64_BYTES = 8
_MOST_BUILT = 1000  # layers
_MOST_BYTES = 2**63 - 1  # torch counts in 64 bits with a sign


def refuse_too_large(network: Network, runs: Iterable[Workload]) -> None:
    """Refuse where the largest of some runs on one device needs more memory than is free there.

    Raises:
        GptcliError: with what is needed, what is free, and the way out.
    """
    from gptcli.model.device import free_bytes

    need, run = max(
        ((forward_need_bytes(network, on_this_processor(run)), run) for run in runs), key=lambda pair: pair[0]
    )
    free = free_bytes(run.device)
    if need > free:
        smaller = " or --dtype bf16" if run.dtype == "fp32" else ""
        raise GptcliError(
            f"{network.config.name} needs {binary(need)} in {run.dtype} for weights, activations and torch itself, "
            f"{binary(free)} are free on {run.device}; take a smaller model{smaller}, "
            "or try it all the same with --force"
        )


def refuse_too_large_a_step(network: Network, training: Workload) -> None:
    """Refuse to measure a training step that needs more memory than is free on its device.

    Raises:
        GptcliError: with what is needed, what is free, and the way out.
    """
    from gptcli.model.device import free_bytes

    need, free = swept(network, training).peak, free_bytes(training.device)
    if need > free:
        raise GptcliError(
            f"a training step of {network.config.name} needs {binary(need)}, {binary(free)} are free on "
            f"{training.device}; use --quick, a shorter --seq-len, or --force"
        )


def refuse_unbuildable(network: Network, training: Workload) -> None:
    """Refuse a model whose modules alone take minutes to build, or whose tensors no torch can name: fake ones neither.

    Raises:
        GptcliError: with its layers or bytes, and the way out.
    """
    if network.stack.depth > _MOST_BUILT:
        raise GptcliError(
            f"{network.config.name} has {network.stack.depth:,} layers, and --quick builds the modules of each, over "
            f"{_MOST_BUILT:,} of which take minutes; fewer measure the same: --set n_layers=3; or try it with --force"
        )
    need = swept(network, training).peak
    if need > _MOST_BYTES:
        raise GptcliError(
            f"a training step of {network.config.name} needs {binary(need)}, more than torch can count; take smaller "
            "sizes; 'gptcli memory' counts these"
        )


def refuse_too_large_twice(network: Network) -> None:
    """Refuse a model that does not fit twice in double precision, as a check builds it.

    Raises:
        GptcliError: with what is needed, what is free, and the way out.
    """
    from gptcli.model.device import free_bytes

    need, free = 2 * _FP64_BYTES * count_parameters(network), free_bytes("cpu")
    if need > free:
        raise GptcliError(
            f"{network.config.name} twice in double precision needs {binary(need)}, {binary(free)} are free; "
            "take a smaller model, as with -c tiny, or try it all the same with --force"
        )
