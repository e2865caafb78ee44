"""What a step of an optimizer allocates and gives back, call by call; what it keeps is in `gptcli.analysis.optimizers`.

The rules follow the functions in torch 2.13's ``torch/optim`` (``_single_tensor_*``, ``_multi_tensor_*``), in
lion-pytorch 0.2.5 and in bitsandbytes 0.50. A name in such a function keeps the last parameter's tensor until this
one's is there.
"""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from gptcli.analysis.optimizers import (
    Optimizer,
    embedding_tables,
    implementation,
    is_quantized,
    shares,
)
from gptcli.analysis.sweep import Buffer, Memory
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network, Shape, Stack, Weight, size
from gptcli.architecture.adapters import trained_weights
from gptcli.architecture.axes import ONE
from gptcli.architecture.books import FP32, Amount
from gptcli.architecture.dtypes import BITS

_LABEL = "Optimizer temporaries"
_BF16 = BITS["bf16"] // 8
_UNLIKE_IN_A_ROW = 2
_NEWTON_SCHULZ_STEPS = 5  # torch.optim.Muon's default


class _Step(Struct, frozen=True):
    """What a rule goes by.

    Attributes:
        memory: the books.
        weights: in the order of ``parameters()``, of what stands in a row twice at most: what follows repeats it.
        amounts: every weight once, with how often it stands in the network.
        dtype: of the parameters.
        device: ``cpu`` or ``cuda``.
        how: ``for-loop``, ``foreach`` or ``fused``.
        tables: the weights of embeddings, by their paths.
    """

    memory: Memory
    weights: Sequence[Weight]
    amounts: Sequence[tuple[Weight, int]]
    dtype: str
    device: str
    how: str
    tables: set[str]

    @property
    def item(self) -> int:
        """Bytes of an element of a parameter."""
        return BITS[self.dtype] // 8

    def amount_of_all(self) -> list[tuple[Amount, int]]:
        """Return a tensor like each parameter, in its dtype, and how many of it."""
        return [(Amount(_LABEL, weight.shape, self.item), times) for weight, times in self.amounts]


class _Names:
    """What the names of a function hold."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._held: dict[str, Buffer] = {}

    def take(self, name: str, shape: Shape, item: int) -> None:
        """Make a tensor and give it a name; what had the name goes after that."""
        new = self._memory.allocate(Amount(_LABEL, shape, item))
        self.drop(name)
        self._held[name] = new

    def move(self, name: str, to: str) -> None:
        """Give what has one name another; what had that goes."""
        self.drop(to)
        self._held[to] = self._held.pop(name)

    def drop(self, *names: str) -> None:
        """Let go of some names, where they hold something."""
        for name in names:
            if name in self._held:
                self._memory.release(self._held.pop(name))

    def leave(self) -> None:
        """Return from the function."""
        self.drop(*list(self._held))


def optimizer_step(memory: Memory, network: Network, options: Workload) -> None:
    """Run an optimizer's step in the books."""
    order, tables = _in_parameter_order(network), embedding_tables(network)
    for share in shares(options.optimizer, network):
        own = {weight.path for weight in share.weights}
        step = _Step(
            memory=memory,
            weights=[weight for weight in order if weight.path in own],
            amounts=[(weight, weight.amount(memory.sizes)) for weight in share.weights],
            dtype=options.dtype,
            device=options.device,
            how=implementation(options.optimizer_impl, options.device, options.optimizer),
            tables=tables,
        )
        _rule(share.optimizer)(step)


def _rule(optimizer: Optimizer) -> Callable[[_Step], None]:
    rules = {
        "in place": _in_place,
        "adam": _adam,
        "adafactor": _adafactor,
        "lion": _lion,
        "muon": _muon,
        "adam of bitsandbytes": _adam_of_bitsandbytes,
    }
    return rules[optimizer.step]


def _in_place(_step: _Step) -> None:
    """SGD."""


def _adam(step: _Step) -> None:
    """Divide by the root of a state: ``denom = (exp_avg_sq.sqrt() / bias_correction2_sqrt).add_(eps)``."""
    if step.how == "fused":
        return
    if step.how == "foreach":
        _all_at_once(step, step.amount_of_all())
        return
    names = _Names(step.memory)
    for weight in step.weights:
        names.take("root", weight.shape, step.item)
        names.take("denom", weight.shape, step.item)
        names.drop("root")
    names.leave()


def _lion(step: _Step) -> None:
    """``update = exp_avg.clone().mul_(beta1).add(grad, alpha=1 - beta1).sgn_()`` of one parameter after the other."""
    names = _Names(step.memory)
    for weight in step.weights:
        names.take("clone", weight.shape, step.item)
        names.take("update", weight.shape, step.item)
        names.leave()


def _muon(step: _Step) -> None:
    """Make the momentum orthogonal by Newton-Schulz steps in bf16; torch has no other implementation than this one."""
    names = _Names(step.memory)
    for weight in step.weights:
        narrow = min(weight.shape, key=lambda dim: size(dim, step.memory.sizes))
        names.take("update", weight.shape, step.item)
        if step.dtype != "bf16":  # else the momentum's own copy is worked on
            names.take("orthogonal", weight.shape, _BF16)
        names.take("norm", (ONE,), _BF16)
        names.take("at least eps", (ONE,), _BF16)
        names.drop("norm", "at least eps")
        for _ in range(_NEWTON_SCHULZ_STEPS):
            names.take("gram", (narrow, narrow), _BF16)
            names.take("polynomial", (narrow, narrow), _BF16)
            names.take("orthogonal", weight.shape, _BF16)
        names.drop("gram", "polynomial")
        names.move("orthogonal", "update")
    names.leave()


def _adafactor(step: _Step) -> None:
    """Estimate the variance of a matrix by those of its rows and its columns."""
    if step.how == "foreach":
        _adafactor_at_once(step)
        return
    names, item = _Names(step.memory), step.item
    for weight in step.weights:
        _norm(names, item)
        if len(weight.shape) > 1:
            names.take("row mean", _rows(weight), item)
            names.take("column mean", _columns(weight), item)
            names.take("variance", weight.shape, item)
            names.take("mean of rows", _mean_of_rows(weight), item)
            names.drop("mean of rows")
        else:
            names.take("squared", weight.shape, item)
            names.take("variance", weight.shape, item)
        names.move("variance", "update")  # what is called update is the estimate itself
        _norm(names, item)
    names.leave()


def _adafactor_at_once(step: _Step) -> None:
    """First all matrices, then all vectors: what one list holds goes when the other's updates are there."""
    memory, item = step.memory, step.item
    names = _Names(memory)
    matrices = [(weight, times) for weight, times in step.amounts if len(weight.shape) > 1]
    vectors = [(weight, times) for weight, times in step.amounts if len(weight.shape) == 1]

    def like(found: Sequence[tuple[Weight, int]], shape: Callable[[Weight], Shape]) -> list[tuple[Amount, int]]:
        return [(Amount(_LABEL, shape(weight), item), times) for weight, times in found]

    if matrices:
        _norm(names, item)
        _all_at_once(step, like(matrices, _rows))
        _all_at_once(step, like(matrices, _columns))
    updates = like(matrices, lambda weight: weight.shape)
    _hold(memory, updates, 1)
    _all_at_once(step, like(matrices, _mean_of_rows))
    if matrices:
        _norm(names, item)
    if vectors:
        _norm(names, item)
        _all_at_once(step, like(vectors, lambda weight: weight.shape))  # the squares
        _hold(memory, like(vectors, lambda weight: weight.shape), 1)
        _hold(memory, updates, -1)
        updates = like(vectors, lambda weight: weight.shape)
        _norm(names, item)
    _hold(memory, updates, -1)


def _norm(names: _Names, item: int) -> None:
    names.take("norm", (ONE,), item)
    names.drop("norm")


def _rows(weight: Weight) -> Shape:
    return (*weight.shape[:-1], ONE)


def _columns(weight: Weight) -> Shape:
    return (*weight.shape[:-2], ONE, weight.shape[-1])


def _mean_of_rows(weight: Weight) -> Shape:
    return (*weight.shape[:-2], ONE, ONE)


def _adam_of_bitsandbytes(step: _Step) -> None:
    """Its kernels on CUDA make nothing; on the CPU it is written in torch's calls, in fp32."""
    if step.device == "cuda":
        return
    names = _Names(step.memory)
    for weight in step.weights:
        quantized = is_quantized(weight, step.memory.sizes, step.tables)
        if quantized:
            names.take("first moment", weight.shape, FP32)
            names.take("second moment", weight.shape, FP32)
        if step.item != FP32:
            names.take("wide", weight.shape, FP32)
        names.take("gradient", weight.shape, FP32)
        names.drop("wide")
        if step.item != FP32:
            names.take("parameter", weight.shape, FP32)
        names.take("root", weight.shape, FP32)
        names.take("denominator", weight.shape, FP32)
        names.drop("root")
        if not quantized:
            names.take("update", weight.shape, FP32)
        names.leave()


def _all_at_once(step: _Step, amounts: Iterable[tuple[Amount, int]]) -> None:
    """Make a list of tensors and let go of it."""
    listed = list(amounts)
    _hold(step.memory, listed, 1)
    _hold(step.memory, listed, -1)


def _hold(memory: Memory, amounts: Iterable[tuple[Amount, int]], sign: int) -> None:
    for amount, times in amounts:
        memory.add(amount, sign * times)
    memory.notice()


def _in_parameter_order(network: Network) -> list[Weight]:
    """Return the weights in the order of ``parameters()``, each layer and each period of a run twice in a row at most.

    A step takes what the weight before it left, so a third layer in a row finds what the second has found.
    """
    order: list[Weight] = []
    listed = trained_weights(network)
    kinds = {kind.layer: kind.index for kind in network.stack.kinds()}
    for name, node in network.parts:
        if not isinstance(node, Stack):
            order += [weight for weight in listed if weight.path.startswith(f"{name}.")]
            continue
        for run in node.runs:
            for layer, amount in run.period * min(run.times, _UNLIKE_IN_A_ROW):
                own = [weight for weight in listed if weight.path.startswith(f"{name}.{kinds[layer]}.")]
                order += own * min(amount, _UNLIKE_IN_A_ROW)
    return order
