"""Bytes of the weights, and the peak of a pass or a step with the ledger of what is alive at it."""

from collections import Counter

from msgspec.structs import replace

from gptcli.analysis.explain import explain_ledger, explain_memory
from gptcli.analysis.limits import check_length, length_notes, past_table
from gptcli.analysis.optimizers import State, check_implementation, embedding_tables, shared_states, shares, states
from gptcli.analysis.params import count_parameters, count_tied_and_untied
from gptcli.analysis.passes import swept
from gptcli.analysis.process import process_bytes
from gptcli.analysis.run_facts import adapter_facts, cache_dtype, routing_rule, run_facts
from gptcli.analysis.sweep import Memory
from gptcli.analysis.weight_bytes import weight_amounts, weights_bytes
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network, Sizes, elements, size
from gptcli.architecture.adapters import count_trained
from gptcli.architecture.books import NotInBooksError
from gptcli.architecture.dtypes import BITS, COMPUTE_DTYPES, bytes_of
from gptcli.architecture.listing import parts_of
from gptcli.config import ModelConfig
from gptcli.errors import GptcliError, InputError
from gptcli.reports.memory import DtypeRow, LedgerLine, MemoryReport, PhasePeak


def checked_options(config: ModelConfig, options: Workload) -> Workload:
    """Return the options of what can run, after refusing contradictory ones.

    Raises:
        InputError: a sequence over the context length, quantized training, autocast over anything but fp32, an
            unknown optimizer, an implementation that the optimizer does not have, a cache where none is.
    """
    check_length(config, options.tokens)
    _check_choices(options)
    return options


def _check_choices(options: Workload) -> None:
    check_implementation(options.optimizer_impl, options.optimizer)
    if options.mode == "training" and options.dtype not in COMPUTE_DTYPES:
        raise InputError(f"--dtype {options.dtype} is for weights at inference; train in fp32, bf16 or fp16")
    if options.kv_dtype and options.mode != "generate":
        raise InputError("--kv-dtype is about the KV cache; add --mode generate, or leave it out")
    if options.amp and options.dtype != "fp32":
        raise InputError(f"--amp keeps fp32 masters and computes in bf16; leave --dtype at fp32, not {options.dtype}")


def memory_report(network: Network, options: Workload, *, explain: bool = False) -> MemoryReport:
    """Return what weights take in every format, and the peak of what the options describe."""
    if options.mode == "generate":  # the cache of a text that is longer than the table of positions is arithmetic
        _check_choices(options)
    else:
        checked_options(network.config, options)
    training = options.mode == "training"
    memory, unknown = _swept_or_why(network, options)
    report = MemoryReport(
        config=network.config,
        **run_facts(options, MemoryReport),
        **adapter_facts(network),
        routing=routing_rule(network),
        parameters=count_parameters(network),
        trained_parameters=count_trained(network) if training else None,
        weights_bytes=weights_bytes(network, options.dtype),
        weights_ledger=weights_ledger(network, options.dtype),
        dtypes=_in_every_format(network, options.dtype),
        gradients_bytes=gradients_bytes(network, options.dtype) if training else None,
        optimizer_bytes=optimizer_bytes(network, options.optimizer, options.dtype) if training else None,
        kv_cache_bytes=kv_cache_bytes(network, options) if options.mode == "generate" else None,
        kv_cache_bytes_per_token=(
            _kv_cache_bytes_of_next_token(network, options) if options.mode == "generate" else None
        ),
        peak_bytes=memory.peak if memory else None,
        peak_phase=memory.peak_phase if memory else None,
        peak_unknown=unknown,
        phases=[PhasePeak(phase, peak) for phase, peak in memory.phases.items()] if memory else [],
        ledger=ledger(memory) if memory else [],
        kernels=_kernels(network, options.device),
        stores_causal_mask=False,
        process_bytes=process_bytes(options.device),
        notes=length_notes(network.config, options.tokens),
    )
    if not explain:
        return report
    if memory is None:
        return replace(report, explanations=list(explain_memory(network, report)))
    lines = [
        *explain_memory(network, report),
        *explain_ledger(memory, _with_one_more(network, options), network.stack.depth),
    ]
    return replace(report, explanations=lines)


def _swept_or_why(network: Network, options: Workload) -> tuple[Memory | None, str | None]:
    """Sweep; at inference, where weights and cache are figures of their own, say why where the peak is not known.

    Raises:
        NotInBooksError: a training step of such parts.
    """
    if (why := past_table(network.config, options.tokens)) is not None:
        return None, why
    try:
        return swept(network, options), None
    except NotInBooksError as error:
        if options.mode == "training":
            raise
        return None, (f"what torch allocates is not known to the byte ({error.kind.replace('_', ' ')}: {error.mode})")


def known_peak(report: MemoryReport) -> int:
    """Return the peak of a report.

    Raises:
        GptcliError: it is not known.
    """
    if report.peak_bytes is None:
        raise GptcliError(f"no peak is known: {report.peak_unknown}; leave the limit out")
    return report.peak_bytes


def _kv_cache_bytes_of_next_token(network: Network, options: Workload) -> int:
    """Return by how much the cache of one text grows with a token after T: a window that is full does not grow."""
    one = replace(options, batch=1)
    return kv_cache_bytes(network, replace(one, tokens=one.tokens + 1)) - kv_cache_bytes(network, one)


def _in_every_format(network: Network, asked: str) -> list[DtypeRow]:
    """Return what weights take in numbers of each size, and in the format asked for, where that has scales."""
    totals = count_tied_and_untied(network)
    rows = [
        DtypeRow(name, bits, bytes_of(totals.untied, name), bytes_of(totals.tied, name)) for name, bits in BITS.items()
    ]
    if asked not in BITS:
        own = weights_bytes(network, asked)
        other = network.of(replace(network.config, weight_tying=not network.config.weight_tying))
        both = own, weights_bytes(other, asked)
        untied, tied = reversed(both) if network.config.weight_tying else both
        rows.append(DtypeRow(asked, round(8 * own / count_parameters(network), 3), untied, tied))
    return rows


def weights_ledger(network: Network, dtype: str) -> list[LedgerLine] | None:
    """Return what the weights take by what it is, the largest first; None in formats of numbers alone.

    Raises:
        InputError: the format cannot hold a weight of such a shape.
    """
    if dtype in BITS:
        return None
    totals: Counter[str] = Counter()
    tensors: Counter[str] = Counter()
    for amount, times in weight_amounts(network, dtype, network.sizes):
        totals[amount.label] += amount.item * times
        tensors[amount.label] += times
    return [LedgerLine(label, tensors[label], bytes_) for label, bytes_ in totals.most_common()]


def _with_one_more(network: Network, options: Workload) -> Memory:
    """Sweep with one more layer; counts stay numbers where none is the one more, as of layers of several kinds."""
    if len(network.stack.kinds()) > 1 or options.dtype not in BITS:
        return swept(network, options)
    return swept(network.of(replace(network.config, n_layers=network.stack.depth + 1)), options)


def _kernels(network: Network, device: str) -> dict[str, str]:
    """Return of norms, by their kind, and of the activation whether torch has one call for it."""
    found = {}
    for _, part in parts_of(network):
        if part.family in ("norm", "activation"):
            found[part.kind if part.family == "norm" else part.family] = (
                "composite" if part.composite(device) else "fused"
            )
    return found


def gradients_bytes(network: Network, dtype: str) -> int:
    """Return the bytes of the gradients of what is trained, which have its dtype."""
    return bytes_of(count_trained(network), dtype)


def optimizer_bytes(network: Network, name: str, dtype: str) -> int:
    """Return the bytes an optimizer keeps between steps."""
    tables, sizes, item, total = embedding_tables(network), network.sizes, BITS[dtype] // 8, 0
    for share in shares(name, network):
        for weight in share.weights:
            kept = states(share.optimizer, weight, sizes, item, tables)
            total += _bytes_of(kept, sizes) * weight.amount(sizes)
        total += _bytes_of(shared_states(share, sizes, tables), sizes)
    return total


def _bytes_of(kept: list[State], sizes: Sizes) -> int:
    return sum(elements(shape, sizes) * item for shape, item in kept)


def kv_cache_bytes(network: Network, options: Workload) -> int:
    """Return the bytes of what every layer keeps of every token: keys and values, 2 L B T C numbers in GPT-2."""
    numbers = 0
    for found, part in parts_of(network):
        own = found.sizes(network.sizes_for(options.batch, options.tokens))
        if part.kept_of is not None:  # a window's width, from where on nothing more is kept
            own = {**own, "T": min(own["T"], size(part.kept_of, own))}
        numbers += found.amount * sum(elements(shape, own) for shape in part.cached())
    return bytes_of(numbers, cache_dtype(options))


def ledger(memory: Memory) -> list[LedgerLine]:
    """Return what is alive at the peak by name, the largest first; it adds up to the peak."""
    totals: Counter[str] = Counter()
    tensors: Counter[str] = Counter()
    for amount, count in memory.at_peak.items():
        totals[amount.label] += count * memory.bytes_of(amount)
        tensors[amount.label] += count
    return [LedgerLine(label, tensors[label], bytes_) for label, bytes_ in totals.most_common() if bytes_]
