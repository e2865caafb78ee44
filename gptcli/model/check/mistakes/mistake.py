"""What a mistake is: its name, what to tell people, and the change of the tree that makes it."""

from msgspec import Struct

from gptcli.architecture import Network
from gptcli.model.check.mistakes.edits import Change, everywhere


class Mistake(Struct, frozen=True):
    """A mistake.

    Attributes:
        name: short, for programs.
        hint: what is wrong and what is right, for people.
        change: what it changes in a group of the tree.
    """

    name: str
    hint: str
    change: Change


def made(network: Network, *mistakes: Mistake) -> Network:
    """Return the network with mistakes in it, made one after the other."""
    for mistake in mistakes:
        network = everywhere(network, mistake.change)
    return network
