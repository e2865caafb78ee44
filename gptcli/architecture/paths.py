"""Paths with an index in place of a layer's number: ``h.{i}.attn`` of all layers, ``h.{0..4,6}.attn`` of one kind."""

import re

_INDEX = re.compile(r"\{[^}]*\}")
_NAME = re.compile(r"\{[^}]*\}|[^.{]+")


def names_in(path: str) -> list[str]:
    """``h.{0..4,6}.attn`` -> ``["h", "{0..4,6}", "attn"]``; the dots of an index part no names."""
    return _NAME.findall(path)


def is_layer(path: str) -> bool:
    """Return whether a path is that of a layer itself, not of a part of it: ``h.{i}``."""
    return path.endswith("}")


def is_indexed(path: str) -> bool:
    """Return whether a path is that of a layer or of a part of one."""
    return _INDEX.search(path) is not None


def shared_path(path: str, layer: str) -> str:
    """Return a path in a layer as that of its whole kind.

    Args:
        path: ``h.3.attn.heads``.
        layer: the path of its kind: ``h.{0..1,3..4}``; the result is ``h.{0..1,3..4}.attn.heads``.
    """
    return ".".join([layer, *path.split(".")[len(names_in(layer)) :]])


def path_of_layer(path: str, number: int) -> str:
    """``h.{0..4,6}.attn`` of layer 3 -> ``h.3.attn``."""
    return _INDEX.sub(str(number), path, count=1)


def path_of_layers(path: str, first: int, times: int) -> str:
    """``h.{0..4,6}.attn`` of four layers from 1 on -> ``h.{1..4}.attn``; of one layer its own path."""
    numbers = str(first) if times == 1 else f"{{{first}..{first + times - 1}}}"
    return _INDEX.sub(numbers, path, count=1)
