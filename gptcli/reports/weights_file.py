"""The checkpoint that a command ran."""

from msgspec import Struct


class WeightsFile(Struct, frozen=True):
    """The checkpoint that was run: where it is, in whose layout, in which format."""

    path: str
    layout: str
    format: str
