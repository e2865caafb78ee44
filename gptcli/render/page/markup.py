"""HTML that is escaped by construction: what is no `Html` is text, and is written as text."""

from html import escape
from typing import Union

Child = Union["Html", str, None]
Attribute = str | int | bool | None

_EMPTY = frozenset({"br", "input", "link", "meta", "rect", "line", "path"})


class Html(str):
    """Markup that `tag` made, which may stand in other markup as it is."""

    __slots__ = ()


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """Return an element.

    Args:
        name: of the element.
        children: elements, or texts, which are escaped; None is left out.
        attributes: ``class_`` and ``for_`` lose their last underscore, ``aria_label`` is written with a hyphen; True is
            an attribute without a value, None and False none at all.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _EMPTY:
        return Html(f"<{name}{written}>" if name in ("br", "input", "link", "meta") else f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """Return elements and escaped texts one after the other."""
    return Html("".join(c if isinstance(c, Html) else escape(c) for c in children if c is not None))


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is True or value is False:
        return f" {name}" if value else ""
    return f' {name}="{escape(str(value))}"'
