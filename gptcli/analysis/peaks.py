"""Peaks at many sizes from few sweeps.

What a sweep does depends on the kinds of operation and hardly on the sizes: a batch, a length or a width changes how
large each tensor is and not which tensors there are. So the journal of one sweep is played back with other sizes.
"""

from collections.abc import Iterator
from itertools import accumulate, compress
from math import prod
from operator import mul

from msgspec.structs import asdict

from gptcli.analysis.optimizers import optimizer_named
from gptcli.analysis.passes import swept
from gptcli.analysis.sweep import Memory, rounded_up
from gptcli.analysis.weight_bytes import follows_sizes
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network
from gptcli.architecture.axes import Shape, Sizes, size
from gptcli.architecture.books import WIDENED_ROWS
from gptcli.architecture.dtypes import CACHE_BITS

_FREE_IN_CONFIG = ("name", "vocab_size", "context_length", "emb_dim", "norm_eps", "init")
_FREE_IN_OPTIONS = ("batch", "tokens")


class Peaks:
    """Answers what `swept` answers for the peak alone, and remembers the journals it needs for that."""

    def __init__(self) -> None:
        self._journals: dict[object, _Journal] = {}

    def peak(self, network: Network, options: Workload) -> int:
        """Return the peak bytes of a pass or a step."""
        if not _follows_sizes(network, options):
            return swept(network, options).peak
        key = _structure(network, options)
        if key not in self._journals:
            self._journals[key] = _Journal(swept(network, options))
        return self._journals[key].peak(network.sizes_for(options.batch, options.tokens))


def _follows_sizes(network: Network, options: Workload) -> bool:
    """Half bytes are rounded over the whole model, blocks over a row, and a chunk is as full as the text is long.

    No journal knows of these.
    """
    whole = options.kv_dtype is None or CACHE_BITS[options.kv_dtype] % 8 == 0
    return whole and follows_sizes(options.dtype) and network.config.attention_chunk is None


def _structure(network: Network, options: Workload) -> object:
    """Return what decides which tensors there are: all but sizes, and of those whether they are one.

    A rotated width and that of sines are halved, which no symbol says, and a text may be longer than a window.
    """
    free = () if optimizer_named(options.optimizer).sizes_decide else _FREE_IN_CONFIG
    kept = {key: value for key, value in asdict(network.config).items() if key not in free}
    chosen = {key: value for key, value in asdict(options).items() if key not in _FREE_IN_OPTIONS}
    thresholds = (1, WIDENED_ROWS - 1) if options.widens else (1,)
    rows = (options.batch, options.tokens, options.batch * options.tokens)
    sizes, window = network.sizes_for(options.batch, options.tokens), network.config.sliding_window
    return (
        network.adapters,
        sizes.get("R"),
        network.config.positions == "sinusoidal" and sizes["C"],
        window is not None and options.tokens > window,
        *(amount > 1 for amount in sizes.values()),
        *kept.items(),
        *chosen.items(),
        *(amount > threshold for amount in rows for threshold in thresholds),
    )


class _Journal:
    """What changes between the looks of one sweep that may be the highest; played back without a loop in Python.

    Each tensor has a number. A look is left out where another saw the same tensors and more, whatever the sizes.
    """

    def __init__(self, memory: Memory) -> None:
        self._granularity = memory.granularity
        self._tensors: dict[tuple[Shape, int], int] = {}
        self._changed: list[int] = []
        self._times: list[int] = []
        self._looked: list[bool] = []
        numbers: dict[int, int] = {}  # by the identity of what the journal holds, which costs no hash of a shape
        highest: dict[int, int] = {}  # what changed up to a look that none before it and none yet after it covers
        since: dict[int, int] = {}  # what has changed since that look
        for entry in memory.journal:
            if entry is not None:
                amount, times = entry
                tensor = numbers.get(id(amount), -1)
                if tensor < 0:
                    tensor = self._tensors.setdefault((amount.shape, amount.item), len(self._tensors))
                    numbers[id(amount)] = tensor
                if total := since.get(tensor, 0) + times:
                    since[tensor] = total
                else:
                    since.pop(tensor, None)
            elif since and max(since.values()) > 0:
                if min(since.values()) < 0:
                    self._keep(highest)
                    highest = since
                else:
                    for tensor, times in since.items():
                        highest[tensor] = highest.get(tensor, 0) + times
                since = {}
        self._keep(highest)
        self._dims = {dim for shape, _ in self._tensors for dim in shape}

    def _keep(self, changes: dict[int, int]) -> None:
        self._changed += changes
        self._times += changes.values()
        self._looked += [False] * (len(changes) - 1) + [True]

    def peak(self, sizes: Sizes) -> int:
        """Play the changes back with other sizes."""
        known = {dim: size(dim, sizes) for dim in self._dims}
        each = [
            rounded_up(prod(map(known.__getitem__, shape)) * item, self._granularity) for shape, item in self._tensors
        ]
        changes: Iterator[int] = map(mul, map(each.__getitem__, self._changed), self._times)
        live = accumulate(changes)
        return max(compress(live, self._looked))
