"""Figures as formulas: symbolic, with the values put in, with unit and source."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gptcli.analysis.formulas import evaluate, linear_in_layers, product, summed, used_values
from gptcli.analysis.optimizers import STEP_COUNTER_BYTES, Share, embedding_tables, shared_states, shares, states
from gptcli.analysis.sweep import Memory
from gptcli.architecture import Dim, Network, Shape, Sizes, Weight, weights
from gptcli.architecture.adapters import trained_weights
from gptcli.architecture.dtypes import BITS, CACHE_BITS
from gptcli.architecture.formats import format_named
from gptcli.architecture.listing import parts_of, read_shape
from gptcli.reports.explanation import Explanation

if TYPE_CHECKING:
    from gptcli.reports.memory import MemoryReport

_COUNTED = "sum over the described weights (gptcli/architecture/plan.py)"
_RULES = "torch 2.13's own allocations, kernel by kernel (gptcli/architecture/parts); held by 'gptcli verify'"


def explanation(name: str, formula: str, sizes: Sizes, unit: str, source: str) -> Explanation:
    """Put the values into a formula."""
    values = used_values(formula, sizes)
    return Explanation(name, formula, values, evaluate(formula, values), unit, source)


def parameter_formula(network: Network) -> str:
    """Return the parameter count in symbols: what stands once, and for each kind of layer how many times what."""
    return _over_layers((weight.times, product(weight.shape)) for weight in _own_weights(network))


def _number_of(weights: list[Weight]) -> str:
    """Return how many tensors some weights are, in symbols."""
    own = Counter(str(weight.times or "") for weight in weights)
    return summed(f"{times}*{amount}" if times else str(amount) for times, amount in own.items())


def cache_formula(network: Network, item: int) -> str:
    """Return the bytes of a KV cache in symbols: of each kind of layer how many tensors of one shape."""
    kept: Counter[tuple[str, Shape]] = Counter()
    for found, part in parts_of(network):
        kept.update((str(found.times or "1"), read_shape(network, found.layer, shape)) for shape in part.cached())
    return summed(f"{amount}*{times}*{product(shape, item)}" for (times, shape), amount in kept.items())


def _own_weights(network: Network) -> list[Weight]:
    return [weight for weight in weights(network) if not weight.tied_to]


def _over_layers(terms: Iterable[tuple[Dim | None, str]]) -> str:
    together: dict[str, list[str]] = {}
    for times, term in terms:
        together.setdefault(str(times or ""), []).append(term)
    return summed(f"{times}*({summed(each)})" if times else summed(each) for times, each in together.items())


def explain_params(network: Network) -> list[Explanation]:
    """Explain the total and each weight of one block."""
    sizes = network.sizes
    lines = [explanation("Parameters", parameter_formula(network), sizes, "parameters", _COUNTED)]
    return lines + [_explain_weight(weight, sizes) for weight in _own_weights(network)]


def _explain_weight(weight: Weight, sizes: Sizes) -> Explanation:
    formula = product(weight.shape) if weight.times is None else f"{weight.times}*{product(weight.shape)}"
    return explanation(weight.path, formula, sizes, "parameters", "the weight's described shape")


def explain_memory(network: Network, report: "MemoryReport") -> list[Explanation]:
    """Explain weights, gradients, optimizer state and KV cache."""
    sizes = network.sizes_for(report.batch_size, report.seq_len)
    weights_formula, source = _weights_formula(network, report)
    lines = [explanation("Weights", weights_formula, sizes, "bytes", source)]
    if report.gradients_bytes is not None:
        lines.append(_explain_gradients(network, report, weights_formula, sizes))
    if report.optimizer is not None:
        lines.append(_explain_optimizer(network, report, sizes))
    if report.kv_cache_bytes is not None:
        assert report.kv_dtype is not None
        source = "keys and values of every token in every block (Pope et al. 2022, section 3.3)"
        lines.append(explanation("KV cache", _cache_bytes(network, report.kv_dtype), sizes, "bytes", source))
    return lines


def _weights_formula(network: Network, report: "MemoryReport") -> tuple[str, str]:
    """Return the bytes of the weights as a formula, and where it is from."""
    if report.weights_ledger is not None:
        chosen = format_named(report.dtype)
        assert chosen is not None
        return summed(str(line.bytes) for line in report.weights_ledger), chosen.source
    parameters, bits = parameter_formula(network), BITS[report.dtype]
    formula = f"({parameters})*{bits // 8}" if bits % 8 == 0 else f"(({parameters})*{bits} + 7)//8"
    return formula, f"{bits} bits a parameter"


def _cache_bytes(network: Network, dtype: str) -> str:
    bits = CACHE_BITS[dtype]
    if bits % 8 == 0:
        return cache_formula(network, bits // 8)
    return f"(({cache_formula(network, 1)})*{bits} + 7)//8"


def _explain_gradients(
    network: Network, report: "MemoryReport", weights_formula: str, sizes: Mapping[str, int]
) -> Explanation:
    source = "one number a parameter, in its dtype"
    if network.adapters is not None:
        counted = _over_layers((weight.times, product(weight.shape)) for weight in trained_weights(network))
        weights_formula, source = f"({counted})*{BITS[report.dtype] // 8}", f"{source}, of the adapters alone"
    return explanation("Gradients", weights_formula, sizes, "bytes", source)


def _explain_optimizer(network: Network, report: "MemoryReport", sizes: Mapping[str, int]) -> Explanation:
    assert report.optimizer is not None
    taken = [share for share in shares(report.optimizer, network) if share.weights]
    item, tables = BITS[report.dtype] // 8, embedding_tables(network)
    formula = " + ".join(_states_formula(share, item, sizes, tables) for share in taken)
    source = "; ".join(f"{share.optimizer.class_name}, {share.optimizer.source}" for share in taken)
    return explanation("Optimizer state", formula, sizes, "bytes", source)


def _states_formula(share: Share, item: int, sizes: Sizes, tables: set[str]) -> str:
    """Return what one optimizer keeps: so many times its weights where it keeps copies, else tensor by tensor."""
    optimizer, own = share.optimizer, share.weights
    if optimizer.state == "copies":
        counted = _over_layers((weight.times, product(weight.shape)) for weight in own)
        counters = f" + {STEP_COUNTER_BYTES}*({_number_of(own)})" if optimizer.counts_steps else ""
        return f"{optimizer.copies}*({counted})*{item}{counters}"
    kept = ((weight, states(optimizer, weight, sizes, item, tables)) for weight in own)
    shared = [product(shape, bytes_) for shape, bytes_ in shared_states(share, sizes, tables)]
    terms = ((weight.times, product(shape, bytes_)) for weight, found in kept for shape, bytes_ in found)
    return " + ".join([_over_layers(terms), *shared])


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
