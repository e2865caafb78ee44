"""The leaves: one hand-written torch module for each kind of part, in a file of the same name as the part's."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from gptcli.architecture import Part
from gptcli.model.parts.leaf import Leaf, leaves


@cache
def leaf_class(part: type[Part]) -> type[Leaf]:
    """Return the torch module of a kind of part.

    Raises:
        NotImplementedError: there is none.
    """
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    if part not in leaves:
        raise NotImplementedError(part.kind)
    return leaves[part]
