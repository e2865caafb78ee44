"""The formats that the flow map is drawn in, each a file of its own that is imported when it is asked for."""

from collections.abc import Callable
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from gptcli.errors import InputError, did_you_mean
from gptcli.reports import FlowReport

if TYPE_CHECKING:
    from rich.console import RenderableType


class Format(NamedTuple):
    """A format: the module whose ``draw`` makes it, and the endings of files that are in it."""

    module: str
    suffixes: tuple[str, ...]


# A new format is one row and one module with ``draw(report, depth)``, which returns a document or something for Rich.
FORMATS = {
    "text": Format("gptcli.render.flow_text", (".txt",)),
    "mermaid": Format("gptcli.render.flow_mermaid", (".mmd", ".mermaid")),
    "svg": Format("gptcli.render.flow_svg", (".svg",)),
}


def format_named(name: str | None, target: str | None) -> str:
    """Return a format by its name, or else by the ending of the file that it is for; text where neither says.

    Raises:
        InputError: no format of that name.
    """
    if name is None:
        suffix = PurePath(target or "").suffix.lower()
        return next((format_ for format_, row in FORMATS.items() if suffix in row.suffixes), "text")
    if name not in FORMATS:
        raise InputError(f"unknown format '{name}'{did_you_mean(name, FORMATS)}; choices are {', '.join(FORMATS)}")
    return name


def draw(report: FlowReport, depth: int, format_: str) -> "str | RenderableType":
    """Draw the flow map.

    Args:
        report: the steps.
        depth: 1 shows the parts of the network, 2 those of a block, 3 those of attention and feed forward.
        format_: a key of ``FORMATS``.

    Returns:
        A whole document, or for text something that Rich lays out for the width at hand.
    """
    function: Callable[[FlowReport, int], str | RenderableType] = import_module(FORMATS[format_].module).draw
    return function(report, depth)
