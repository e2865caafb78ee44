"""Runs that cannot fit are refused before anything is built."""

from collections.abc import Iterable

from gptcli.analysis.forward_need import forward_need_bytes
from gptcli.analysis.step import StepOptions
from gptcli.config import ModelConfig
from gptcli.errors import GptcliError
from gptcli.render.units import binary


def refuse_too_large(config: ModelConfig, runs: Iterable[StepOptions]) -> None:
    """Refuse where the largest of some runs on one device needs more memory than is free there.

    Raises:
        GptcliError: with what is needed, what is free, and the way out.
    """
    from gptcli.commands._run_options import on_this_processor
    from gptcli.model.device import free_bytes

    need, run = max(
        ((forward_need_bytes(config, on_this_processor(run)), run) for run in runs), key=lambda pair: pair[0]
    )
    free = free_bytes(run.device)
    if need > free:
        smaller = " or --dtype bf16" if run.dtype == "fp32" else ""
        raise GptcliError(
            f"{config.name} needs {binary(need)} in {run.dtype} for weights, activations and torch itself, "
            f"{binary(free)} are free on {run.device}; take a smaller model{smaller}, "
            "or try it all the same with --force"
        )
