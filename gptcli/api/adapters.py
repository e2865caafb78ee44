"""Adapters that options ask for."""

from gptcli.architecture import Network
from gptcli.errors import InputError


def with_adapters(network: Network, rank: int | None, targets: str | None) -> Network:
    """Return a network with low-rank adapters; the network itself where no rank is given.

    Args:
        network: described.
        rank: of the adapters, or None for none.
        targets: names of linear layers, with commas between them, or None for the default.

    Raises:
        InputError: targets of no adapters, or no linear layer of that name.
    """
    from gptcli.architecture.adapters import DEFAULT_TARGETS, adapted

    if rank is None:
        if targets is not None:
            raise InputError("--lora-targets says where adapters stand; add --lora RANK, or leave it out")
        return network
    if targets is None:
        return adapted(network, rank, DEFAULT_TARGETS)
    names = tuple(dict.fromkeys(name.strip() for name in targets.split(",") if name.strip()))
    if not names:
        raise InputError(f"--lora-targets names no layer; leave it out for {','.join(DEFAULT_TARGETS)}, or name some")
    return adapted(network, rank, names)
