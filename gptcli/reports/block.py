"""The layers of a network, as reports list them."""

from msgspec import Struct


class Block(Struct, frozen=True):
    """Equal layers in a row; two entries with one path are of equal layers.

    Attributes:
        first: the number of the first of them, from 0.
        times: how many there are.
        path: with the numbers of all layers of this kind: ``h.{i}`` where the network has one kind, else
            ``h.{0..4,6}``.
        label: the words people read.
    """

    first: int
    times: int
    path: str
    label: str
