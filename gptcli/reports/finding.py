"""What several commands find wrong with a checkpoint or with somebody's parameters."""

from msgspec import Struct


class Finding(Struct, frozen=True):
    """Something to know about a checkpoint.

    Attributes:
        severity: ``error``: it cannot be used as it is; ``warning``: it is probably not what was meant; ``note``.
        kind: what it is, in a word: ``missing``, ``transposed``, ``nan``.
        path: the tensor or the file it is about.
        message: what, and what to do about it.
    """

    severity: str
    kind: str
    path: str
    message: str


DEPARTS = "departs"  # what another program computes in another way
