"""FLOPs of a forward pass, a training step and generation, from the described operations.

Every figure is a formula over the description's dimensions, evaluated; ``--explain`` shows the same formulas.
"""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite

from msgspec import Struct
from msgspec.structs import replace

from gptcli.analysis.conventions import BODY, MATRICES, count_by
from gptcli.analysis.formulas import evaluate, product, summed, used_values
from gptcli.analysis.limits import length_notes
from gptcli.analysis.params import count_active
from gptcli.analysis.run_facts import routing_rule
from gptcli.architecture import Dim, Group, Network, Part, Sizes, size, walk
from gptcli.architecture.listing import parts_of, read_shape
from gptcli.architecture.products import MULTIPLY_ADD, MatrixProduct
from gptcli.architecture.roles import HEAD, POSITION_TABLE, TOKEN_TABLE, Role
from gptcli.errors import InputError
from gptcli.reports.explanation import Explanation
from gptcli.reports.flops import FlopsReport, FlopsRow

_TERA = 10**12

_UNIT = "FLOPs"
_OWN = "matrix products of the described operations, a multiply-add being two (gptcli/architecture/products.py)"
_GRADIENTS = "one product as large as the forward's for the gradient of either factor (Kaplan et al. 2020, section 2.1)"
_CAUSAL_SOURCE = "query t sees t keys: T*(T+1)/2 pairs, not T*T"
_CACHE_SOURCE = "one query against T cached keys, its own included (Pope et al. 2022, section 3.3)"

# How often a product is done in a text; None where it is left out.
_Often = Callable[[MatrixProduct], str | None]


def _linear(each: MatrixProduct) -> str | None:
    """Linear layers: for every token."""
    return None if each.over == "pairs" else "T"


def _pairs(each: MatrixProduct) -> str | None:
    """Attention: every query with every key."""
    return "T*T" if each.over == "pairs" else None


def _full(each: MatrixProduct) -> str | None:
    return _linear(each) or _pairs(each)


def _causal_pairs(each: MatrixProduct) -> str | None:
    """Attention: the pairs that a mask leaves; a window or a chunk leaves fewer."""
    if each.over != "pairs":
        return None
    if each.window is None:
        return "(T*(T+1)//2)"
    width = product((each.window,))
    if each.chunked:
        return f"((T//{width})*({width}*({width}+1)//2) + (T%{width})*(T%{width}+1)//2)"
    return f"(T*{width} - {width}*({width}-1)//2)"


def _one_token(each: MatrixProduct) -> str | None:
    """Generation: a further token, and of attention the keys that it sees; a latent's keys are made again."""
    if each.over == "tokens":
        return ""
    if each.window is None:
        return "T"
    width = product((each.window,))
    return f"((T-1)%{width}+1)" if each.chunked else width


# Name -> formula and source. N: all parameters, of routed experts those a token visits; body: those of no embedding
# and no output head; matrices: Kaplan's
# 12 L C^2. ``once``: the products outside the blocks. ``heads``, ``width``: H and H D, summed over the layers.
# ``table``: minus the token table where it is only looked up.
_CONVENTIONS: dict[str, tuple[str, str]] = {
    "matmul_full_attention": ("3*forward", "torch.utils.flop_counter on the explicit attention path"),
    "matmul_causal_exact": ("3*causal", "forward and backward over the pairs that a causal mask leaves"),
    "linear_layers": ("3*linear", "thop's calculate_linear, a multiply-add taken as two"),
    "hardware_recompute": ("4*forward - ({once})", "Narayanan et al. 2021, equation 3: each block runs forward twice"),
    "palm_mfu": (
        "(6*(N{table}) + 12*{width}*T)*B*T",
        "Chowdhery et al. 2022, appendix B, whose head is the token table",
    ),
    "nanogpt_mfu": ("(6*(N - S*C{table}) + 12*{width}*T)*B*T", "karpathy/nanoGPT, model.py, estimate_mfu"),
    "chinchilla": (
        "3*(forward - ({once}) + 3*B*{heads}*T*T)",
        "Hoffmann et al. 2022, appendix F per layer, which alone gives its table A4",
    ),
    "chinchilla_appendix_f": (
        "3*(forward + 3*B*{heads}*T*T + 2*B*T*V*C)",
        "Hoffmann et al. 2022, appendix F as written: embeddings and softmax too",
    ),
    "six_n": ("6*N*B*T", "C = 6 N D (Kaplan et al. 2020, section 2.1) with all parameters, D = B*T tokens"),
    "six_n_non_embedding": (
        "6*body*B*T",
        "C = 6 N D, N without embeddings and head, biases included",
    ),
    "kaplan": ("6*matrices*B*T", "Kaplan et al. 2020, section 2.1: C = 6 N D, N by equation 2.1"),
    "macs_forward": ("forward//2", "a multiply-add as one, forward pass only"),
}


class Throughput(Struct, frozen=True):
    """The speed of a machine and its peak: tokens trained on in a second, and 10^12 FLOPs in a second."""

    tokens_per_second: float
    peak_tflops: float


class _Step(Struct, frozen=True):
    path: str
    label: str
    times: Dim | None
    products: tuple[MatrixProduct, ...]


def throughput(tokens_per_second: float | None, peak_tflops: float | None) -> Throughput | None:
    """Return both figures, or None where neither was given.

    Raises:
        InputError: only one was given, or one is not above zero.
    """
    given = {"--tokens-per-second": tokens_per_second, "--peak-tflops": peak_tflops}
    for option, figure in given.items():
        if figure is not None and not (isfinite(figure) and figure > 0):
            raise InputError(f"{option} {figure:g} is not a number above zero")
    if tokens_per_second is not None and peak_tflops is not None:
        return Throughput(tokens_per_second, peak_tflops)
    present = [option for option, figure in given.items() if figure is not None]
    if present:
        missing = next(option for option in given if option not in present)
        raise InputError(f"{present[0]} alone gives no utilization; add {missing}")
    return None


def flops_report(
    network: Network,
    *,
    batch: int = 1,
    tokens: int,
    reached: Throughput | None = None,
    explain: bool = False,
) -> FlopsReport:
    """Count the FLOPs of B texts of T tokens; the cost of counting does not depend on the layers.

    Args:
        network: the described model.
        batch: B, texts at once.
        tokens: T, tokens in a text.
        reached: what model FLOPs utilization (MFU) is worked out from.
        explain: add the formulas.

    A text that is longer than the table of positions is counted too, with a note: looking rows up is no product.
    """
    steps, sizes = _steps(network, tokens), network.sizes_for(batch, tokens)
    lines = _explain(steps, _conventions(network, steps), _quantities(network, sizes))
    value = {line.name: line.value for line in lines}
    report = FlopsReport(
        config=network.config,
        batch_size=batch,
        seq_len=tokens,
        attention=network.attention,
        routing=routing_rule(network),
        linear_flops=value["linear"],
        attention_flops=value["attention"],
        forward_flops=value["forward"],
        causal_forward_flops=value["causal"],
        backward_flops=value["backward"],
        training_flops=value["training"],
        training_flops_per_token=value["training"] // (batch * tokens),
        prefill_flops=value["forward"],
        decode_flops=value["decode"],
        parts=[_row(step, sizes) for step in steps],
        groups={each.path: each.node.label for each in walk(network) if each.path and isinstance(each.node, Group)},
        conventions={name: value[name] for name in _CONVENTIONS},
        mfu=None if reached is None else _utilization(value["training"], batch * tokens, reached),
        utilization=None
        if reached is None
        else {name: _utilization(value[name], batch * tokens, reached) for name in _CONVENTIONS},
        notes=length_notes(network.config, tokens),
    )
    return replace(report, explanations=lines) if explain else report


def _steps(network: Network, tokens: int) -> list[_Step]:
    """Return the operations that have matrix products; a window that T tokens do not fill is none."""
    steps = []
    for found, part in parts_of(network):
        own = found.sizes(network.sizes)
        products = tuple(
            replace(
                each,
                dims=read_shape(network, found.layer, each.dims),
                window=each.window if each.window is not None and tokens > size(each.window, own) else None,
            )
            for each in part.products()
        )
        if products:
            steps.append(_Step(found.path, part.label, found.times, products))
    return steps


def _row(step: _Step, sizes: Sizes) -> FlopsRow:
    one = evaluate(summed(_terms(step, _full)), sizes)
    return FlopsRow(step.path, step.label, one, size(step.times, sizes) if step.times else 1)


def _utilization(flops: int, tokens: int, reached: Throughput) -> float:
    """Return what a step needs at the speed reached, over what the machine could do in that time.

    With the FLOPs that the model needs it is model FLOPs utilization, MFU (Chowdhery et al. 2022, appendix B); with
    those that the hardware did, recomputed ones too, hardware FLOPs utilization, HFU.

    Args:
        flops: of a training step.
        tokens: B * T, tokens in that step.
        reached: the speed and the machine's peak.

    Raises:
        InputError: the figures are so far apart that no number holds the quotient.
    """
    utilization = reached.tokens_per_second / reached.peak_tflops * (flops / tokens / _TERA)
    if not isfinite(utilization):
        raise InputError(
            f"--tokens-per-second {reached.tokens_per_second:g} is too much for --peak-tflops {reached.peak_tflops:g}; "
            "check both"
        )
    return utilization


def _quantities(network: Network, sizes: Sizes) -> dict[str, int]:
    """Return what formulas may mention: the dimensions, and counts of parameters."""
    body, matrices = (count_by(network, replace(each, active=True)) for each in (BODY, MATRICES))
    counts = {"N": count_active(network), "body": body, "matrices": matrices}
    return {**sizes, **counts}


def _conventions(network: Network, steps: Iterable[_Step]) -> dict[str, tuple[str, str]]:
    """Return formula and source of each convention for a model.

    Formulas for MFU count parameters because each stands for a multiply-add a token. Their owners tie the head to the
    token table; where it has a weight of its own, the table is looked up only, and is left out.
    """
    once = _formula([step for step in steps if step.times is None], _full)
    terms = {
        "once": once,
        "positions": _less(network, POSITION_TABLE),
        "table": "" if network.part_of(HEAD).tied_to else _less(network, TOKEN_TABLE),
        "heads": _over_layers(steps, 1),
        "width": _over_layers(steps, 2),
    }
    return {n: (formula.format(**terms), source) for n, (formula, source) in _CONVENTIONS.items()}


def _less(network: Network, role: Role) -> str:
    """Write `` - V*C``: without the table of a role, if the network has one."""
    tables = (node for _, node in network.parts if isinstance(node, Part) and node.role == role)
    return "".join(f" - {product(shape)}" for table in tables for shape in table.weights().values())


def _over_layers(steps: Iterable[_Step], axes: int) -> str:
    """Write the heads of all layers, or with two axes their widths together: ``L*H``, ``L*H*D`` where all are alike."""
    of_kind = {str(step.times): each.dims[:axes] for step in steps for each in step.products if each.over == "pairs"}
    total = summed(f"{times}*{product(dims)}" for times, dims in of_kind.items())
    return f"({total})" if len(of_kind) > 1 else total


def _explain(
    steps: list[_Step], conventions: Mapping[str, tuple[str, str]], known: dict[str, int]
) -> list[Explanation]:
    """Evaluate every figure in order; each may mention those before it."""
    formulas = {
        "linear": (_formula(steps, _linear), _OWN),
        "attention": (_formula(steps, _pairs), _OWN),
        "forward": ("linear + attention", _OWN),
        "causal": (f"linear + {_formula(steps, _causal_pairs)}", _CAUSAL_SOURCE),
        "backward": ("2*forward", _GRADIENTS),
        "training": ("forward + backward", "one forward and one backward pass"),
        "decode": (_formula(steps, _one_token), _CACHE_SOURCE),
        **conventions,
    }
    lines = []
    for name, (formula, source) in formulas.items():
        values = used_values(formula, known)
        known[name] = evaluate(formula, values)
        lines.append(Explanation(name, formula, values, known[name], _UNIT, source))
    return lines


def _formula(steps: Iterable[_Step], often: _Often) -> str:
    """Write the FLOPs of all steps: what stands once, and the blocks times what one of them does.

    Args:
        steps: operations with matrix products.
        often: says how often a product is done in a text.
    """
    terms: dict[str, list[str]] = {}
    for step in steps:
        terms.setdefault(str(step.times or ""), []).extend(_terms(step, often))
    sums = {times: summed(products) for times, products in terms.items() if products}
    return summed(f"{times}*({each})" if times else each for times, each in sums.items())


def _terms(step: _Step, often: _Often) -> list[str]:
    found = ((often(each), each) for each in step.products)
    return [
        "*".join(filter(None, (str(MULTIPLY_ADD), "B", times, product(each.dims))))
        for times, each in found
        if times is not None
    ]
