"""The formats that the flow map is drawn in, each a file of its own that is imported when it is asked for."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from gptcli.errors import InputError, did_you_mean
from gptcli.files import check_ending
from gptcli.reports.flow import FlowReport

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gptcli.render.page.document import Studies


class Format(NamedTuple):
    """A format: the module whose ``draw`` makes it, its files' endings, and whether it shows studies too."""

    module: str
    suffixes: tuple[str, ...]
    studied: bool = False


# A new format is one row and one module with ``draw(report, depth)``, which returns a document or something for Rich;
# one that shows more than the steps has ``draw(report, studies)`` and always shows every depth.
FORMATS = {
    "text": Format("gptcli.render.flow_text", (".txt",)),
    "mermaid": Format("gptcli.render.flow_mermaid", (".mmd", ".mermaid")),
    "svg": Format("gptcli.render.flow_svg", (".svg",)),
    "html": Format("gptcli.render.page.document", (".html", ".htm"), studied=True),
}


# The endings of pictures first: who names another picture's ending is helped most by these.
_ENDINGS = tuple(suffix for name in ("svg", "html", "mermaid", "text") for suffix in FORMATS[name].suffixes)


def format_named(name: str | None, target: str | None) -> str:
    """Return the format that a name or the ending of a file says; text where there is neither.

    Args:
        name: of a format, if one is asked for.
        target: the file that it is for, if there is one.

    Raises:
        InputError: no format of that name or ending, the two contradict each other, or the file says none.
    """
    if name is not None and name not in FORMATS:
        raise InputError(f"unknown format '{name}'{did_you_mean(name, FORMATS)}; choices are {', '.join(FORMATS)}")
    if target is None:
        return name or "text"
    if name is not None:
        check_ending(target, f"the format {name}", FORMATS[name].suffixes, option="-o")
        return name
    suffix = check_ending(target, "a drawing", _ENDINGS, option="-o")
    if not suffix:
        raise InputError(f"{target}: the name says no format; end it in {', '.join(_ENDINGS)}, or add --format")
    return next(format_ for format_, row in FORMATS.items() if suffix in row.suffixes)


def draw(
    report: FlowReport, depth: int, format_: str, studies: "Callable[[], Studies] | None" = None
) -> "str | RenderableType":
    """Draw the flow map.

    Args:
        report: the steps.
        depth: 1 shows the parts of the network, 2 those of a block, 3 those of attention and feed forward.
        format_: a key of ``FORMATS``.
        studies: makes what some formats show beside the steps.

    Returns:
        A whole document, or for text something that Rich lays out for the width at hand.
    """
    chosen = FORMATS[format_]
    function: Callable[..., str | RenderableType] = import_module(chosen.module).draw
    if not chosen.studied:
        return function(report, depth)
    assert studies is not None
    return function(report, studies())
