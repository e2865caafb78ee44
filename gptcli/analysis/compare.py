"""Several models by the same figures."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from gptcli.analysis.flops import flops_report
from gptcli.analysis.memory import checked_options, kv_cache_bytes
from gptcli.analysis.params import count_active, count_parameters, count_tied_and_untied
from gptcli.analysis.passes import swept
from gptcli.analysis.run_facts import run_facts
from gptcli.analysis.weight_bytes import weights_bytes
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network
from gptcli.architecture.books import NotInBooksError
from gptcli.reports.compare import ComparedModel, CompareReport


def compare_report(networks: Sequence[Network], options: Workload, seq_len: int | None) -> CompareReport:
    """Put models side by side.

    Args:
        networks: two described models or more.
        options: the pass and the training step to estimate; ``tokens`` is replaced by ``seq_len`` or by
            each model's context length.
        seq_len: tokens in a text, or None for each model's own context length.

    Raises:
        InputError: the sequence is longer than a model's context.
    """
    models = [_figures(each, replace(options, tokens=seq_len or each.config.context_length)) for each in networks]
    return CompareReport(
        **run_facts(replace(options, mode="training"), CompareReport) | {"seq_len": seq_len},
        models=models,
        differing=_differing(models),
    )


def _figures(network: Network, options: Workload) -> ComparedModel:
    checked_options(network.config, options)
    totals = count_tied_and_untied(network)
    flops = flops_report(network, batch=options.batch, tokens=options.tokens)
    return ComparedModel(
        name=network.config.name,
        config=network.config,
        parameters=count_parameters(network),
        parameters_untied=totals.untied,
        parameters_tied=totals.tied,
        active_parameters=count_active(network),
        weights_bytes=weights_bytes(network, options.dtype),
        inference_peak_bytes=_peak(network, replace(options, mode="inference")),
        training_peak_bytes=_peak(network, replace(options, mode="training")),
        kv_cache_bytes=kv_cache_bytes(network, options),
        forward_flops=flops.forward_flops,
        training_flops=flops.training_flops,
        flops_per_token=flops.training_flops_per_token,
    )


def _peak(network: Network, options: Workload) -> int | None:
    """Return a peak, or None where it is not known."""
    try:
        return swept(network, options).peak
    except NotInBooksError:
        return None


def _differing(models: Sequence[ComparedModel]) -> list[str]:
    """Name the keys, the config's among them, in which the models are not all alike."""
    rows = [{**msgspec.structs.asdict(model.config), **_own(model)} for model in models]
    return [key for key in rows[0] if any(row[key] != rows[0][key] for row in rows)]


def _own(model: ComparedModel) -> dict[str, object]:
    return {key: value for key, value in msgspec.structs.asdict(model).items() if key != "config"}
