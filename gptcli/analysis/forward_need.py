"""What a forward pass needs before it is built."""

from gptcli.analysis.passes import swept
from gptcli.analysis.process import PROCESS_BYTES
from gptcli.analysis.workload import Workload
from gptcli.architecture import Network

# Of the Python objects of one block's modules; measured on Linux with Python 3.11, rounded up.
_BLOCK_OBJECTS_BYTES = 2**16


def forward_need_bytes(network: Network, options: Workload) -> int:
    """Return the bytes that a forward pass takes: the ledger's peak, torch itself, the blocks' Python objects."""
    return swept(network, options).peak + PROCESS_BYTES + network.stack.depth * _BLOCK_OBJECTS_BYTES
