"""What a forward pass needs before it is built."""

from gptcli.analysis.params import count_parameters
from gptcli.analysis.passes import swept
from gptcli.analysis.process import PROCESS_BYTES
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network
from gptcli.architecture.books import NotInBooksError
from gptcli.architecture.dtypes import bytes_of

# Of the Python objects of one block's modules; measured on Linux with Python 3.11, rounded up.
_BLOCK_OBJECTS_BYTES = 2**16


def forward_need_bytes(network: Network, options: Workload) -> int:
    """Return the bytes that a forward pass takes: the ledger's peak, torch itself, the blocks' Python objects.

    Where a part has no rule for what it allocates, the weights stand for the peak: a pass needs that much at least.
    """
    try:
        peak = swept(network, options).peak
    except NotInBooksError:
        peak = bytes_of(count_parameters(network), options.dtype)
    return peak + PROCESS_BYTES + network.stack.depth * _BLOCK_OBJECTS_BYTES
