"""What runs, by the keys of the reports that say so: one place for all of them."""

from typing import Any

from gptcli.analysis.optimizers import implementation, optimizer_named
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network
from gptcli.architecture.dtypes import COMPUTE_DTYPES
from gptcli.reports.report import Report


def run_facts(options: Workload, report: type[Report]) -> dict[str, Any]:
    """Return what a type of report says of the run; what only a training step has is null elsewhere."""
    training = options.mode == "training"
    facts = {
        "mode": options.mode,
        "dtype": options.dtype,
        "activation_dtype": activation_dtype(options),
        "kv_dtype": cache_dtype(options) if options.mode == "generate" else None,
        "amp": options.amp,
        "batch_size": options.batch,
        "seq_len": options.tokens,
        "attention": options.attention,
        "device": options.device,
        "optimizer": options.optimizer if training else None,
        "optimizer_impl": implementation(options.optimizer_impl, options.device, options.optimizer)
        if training
        else None,
        "optimizer_package": optimizer_named(options.optimizer).installed if training else None,
        "recompute": options.recompute if training else None,
        "free_logits": options.free_logits if training else None,
        "accumulate": options.accumulate if training else None,
    }
    return {key: value for key, value in facts.items() if key in report.__struct_fields__}


def activation_dtype(options: Workload) -> str:
    """Return the format that matrix products run in; quantized weights are multiplied in bf16."""
    return "bf16" if options.amp or options.dtype not in COMPUTE_DTYPES else options.dtype


def adapter_facts(network: Network) -> dict[str, Any]:
    """Return what a report says of a network's adapters; null where it has none."""
    adapters = network.adapters
    return {
        "lora_rank": adapters.rank if adapters else None,
        "lora_targets": list(adapters.targets) if adapters else None,
    }


def cache_dtype(options: Workload) -> str:
    """Return the format that keys and values are kept in: that of the products, where none is asked for."""
    return options.kv_dtype or activation_dtype(options)


def routing_rule(network: Network) -> str | None:
    """Return how tokens are taken to choose among experts: ``balanced``, each expert as often; null without experts.

    No figure depends on it: every choice makes as many rows, which are sorted by expert into tensors of one size.
    """
    return "balanced" if network.config.num_experts else None
