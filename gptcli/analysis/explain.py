"""Figures as formulas: symbolic, with the values put in, with unit and source."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gptcli.analysis.formulas import evaluate, linear_in_layers, product, summed, used_values
from gptcli.analysis.optimizers import STEP_COUNTER_BYTES, optimizer_named
from gptcli.analysis.sweep import Memory
from gptcli.architecture import Sizes, Weight, describe, sizes_of, weights
from gptcli.architecture.dtypes import BITS
from gptcli.config import ModelConfig
from gptcli.reports.explanation import Explanation

if TYPE_CHECKING:
    from gptcli.reports.memory import MemoryReport

_COUNTED = "sum over the described weights (gptcli/architecture/network.py)"
_RULES = "torch 2.13's own allocations, kernel by kernel (gptcli/architecture/kernels.py); held by 'gptcli verify'"


def explanation(name: str, formula: str, sizes: Sizes, unit: str, source: str) -> Explanation:
    """Put the values into a formula."""
    values = used_values(formula, sizes)
    return Explanation(name, formula, values, evaluate(formula, values), unit, source)


def parameter_formula(config: ModelConfig) -> str:
    """Return the parameter count in symbols: what stands once, and L times what a block holds."""
    own = [weight for weight in weights(describe(config)) if not weight.tied_to]
    once = [product(weight.shape) for weight in own if weight.times is None]
    each = [product(weight.shape) for weight in own if weight.times is not None]
    return f"{summed(once)} + L*({summed(each)})"


def tensor_formula(config: ModelConfig) -> str:
    """Return the number of parameter tensors in symbols."""
    own = [weight for weight in weights(describe(config)) if not weight.tied_to]
    return f"{sum(w.times is None for w in own)} + L*{sum(w.times is not None for w in own)}"


def explain_params(config: ModelConfig) -> list[Explanation]:
    """Explain the total and each weight of one block."""
    sizes = sizes_of(config)
    lines = [explanation("Parameters", parameter_formula(config), sizes, "parameters", _COUNTED)]
    return lines + [_explain_weight(weight, sizes) for weight in weights(describe(config)) if not weight.tied_to]


def _explain_weight(weight: Weight, sizes: Sizes) -> Explanation:
    formula = product(weight.shape) if weight.times is None else f"L*{product(weight.shape)}"
    return explanation(weight.path, formula, sizes, "parameters", "the weight's described shape")


def explain_memory(report: "MemoryReport") -> list[Explanation]:
    """Explain weights, gradients, optimizer state and KV cache."""
    config = report.config
    assert config is not None
    sizes = sizes_of(config, report.batch_size, report.seq_len)
    parameters = parameter_formula(config)
    bits = BITS[report.dtype]
    weights_formula = f"({parameters})*{bits // 8}" if bits % 8 == 0 else f"(({parameters})*{bits} + 7)//8"
    lines = [explanation("Weights", weights_formula, sizes, "bytes", f"{bits} bits a parameter")]
    if report.gradients_bytes is not None:
        lines.append(explanation("Gradients", weights_formula, sizes, "bytes", "one number a parameter, in its dtype"))
    if report.optimizer is not None:
        lines.append(_explain_optimizer(report, weights_formula, sizes))
    if report.kv_cache_bytes is not None:
        item = BITS[report.activation_dtype] // 8
        source = "keys and values of every token in every block (Pope et al. 2022, section 3.3)"
        lines.append(explanation("KV cache", f"2*L*B*T*C*{item}", sizes, "bytes", source))
    return lines


def _explain_optimizer(report: "MemoryReport", weights_formula: str, sizes: Mapping[str, int]) -> Explanation:
    assert report.config is not None
    assert report.optimizer is not None
    optimizer = optimizer_named(report.optimizer)
    formula = f"{optimizer.states}*{weights_formula}"
    if optimizer.counts_steps:
        formula += f" + {STEP_COUNTER_BYTES}*({tensor_formula(report.config)})"
    return explanation("Optimizer state", formula, sizes, "bytes", f"{optimizer.torch_name}, {optimizer.source}")


def explain_ledger(memory: Memory, one_more: Memory, layers: int) -> list[Explanation]:
    """Explain every line of the ledger at the peak, from the same sweep with one more layer.

    A line's tensors are counted in symbols as ``a*L + b``, which needs both sweeps.
    """
    terms: dict[str, list[str]] = {}
    for amount, count in memory.at_peak.items():
        if count:
            times = linear_in_layers(count, one_more.at_peak[amount], layers)
            bytes_ = product(amount.shape, amount.item)
            if memory.granularity > 1:
                bytes_ = f"(({bytes_} + {memory.granularity - 1})//{memory.granularity}*{memory.granularity})"
            terms.setdefault(amount.label, []).append(f"{times}*{bytes_}")
    return [explanation(f"Peak: {label}", summed(t), memory.sizes, "bytes", _RULES) for label, t in terms.items()]
