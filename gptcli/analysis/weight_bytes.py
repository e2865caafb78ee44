"""The bytes of a model's weights in a format: of numbers alone, or with scales and zero points."""

from collections.abc import Iterator

from gptcli.analysis.params import count_parameters
from gptcli.architecture import Network
from gptcli.architecture.axes import ONE, Sizes, elements
from gptcli.architecture.books import Amount
from gptcli.architecture.dtypes import BITS, bytes_of
from gptcli.architecture.formats import format_named, kept
from gptcli.architecture.listing import Weight, weights

WEIGHTS = "Weights"


def weights_bytes(network: Network, dtype: str) -> int:
    """Return the bytes of all weights; raises as `weight_amounts`."""
    if dtype in BITS:
        return bytes_of(count_parameters(network), dtype)
    return sum(amount.item * times for amount, times in weight_amounts(network, dtype, network.sizes))


def own_weights(network: Network, sizes: Sizes) -> list[tuple[Weight, int]]:
    """Return each described weight that has memory of its own, and how often it stands in the network."""
    return [(w, w.amount(sizes)) for w in weights(network) if not w.tied_to]


def follows_sizes(dtype: str) -> bool:
    """Return whether what a weight takes is so many bytes a number, at any size."""
    return dtype in BITS and BITS[dtype] % 8 == 0


def weight_amounts(network: Network, dtype: str, sizes: Sizes) -> Iterator[tuple[Amount, int]]:
    """Yield what lies in memory of every weight, and how often.

    Raises:
        InputError: the format cannot hold a weight of such a shape.
    """
    if dtype not in BITS:
        chosen = format_named(dtype)
        assert chosen is not None  # as `weight_dtype` has given it
        for each in kept(network, chosen):
            yield Amount(each.label, (ONE,), each.bytes), each.times
        return
    own = own_weights(network, sizes)
    if BITS[dtype] % 8:  # half bytes: the whole is rounded up, not each tensor
        numbers = sum(elements(weight.shape, sizes) * times for weight, times in own)
        yield Amount(WEIGHTS, (ONE,), bytes_of(numbers, dtype)), 1
        return
    for weight, times in own:
        yield Amount(WEIGHTS, weight.shape, BITS[dtype] // 8), times
