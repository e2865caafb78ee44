"""The words for a change of the tree: a part is swapped, computes something else, is left out, or another follows it.

A change makes a new group of a group, and the group before stays as it is; where it finds nothing to change, the new
group equals the old one. Two changes can be made together where they change different parts (`places`).
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from gptcli.architecture import Group, Network, Part, Stack
from gptcli.architecture.network import Layer, Node, Run
from gptcli.architecture.roles import Role
from gptcli.model.check.mistakes.instead import Compute, Instead

Change = Callable[[Group], Group]
Which = Callable[[Part, Group], bool]  # whether a part of a group is meant
AGAIN = " again"  # ends the name of a part that is used once more, with the same weights


def a(kind: type[Part] = Part, *, role: Role | None = None, within: str | None = None) -> Which:
    """Select the parts of a kind, with a role, in the groups of a kind."""
    return lambda part, group: isinstance(part, kind) and role in (None, part.role) and within in (None, group.kind)


def swapped(which: Which, **fields: Any) -> Change:
    """Replace parts by copies with other fields."""
    return _each(which, lambda part: replace(part, **fields))


def instead(which: Which, compute: Compute) -> Change:
    """Let parts compute something else, from the same weights and from what they read."""
    return _each(which, lambda part: Instead.of(part, compute))


def without(which: Which) -> Change:
    """Leave parts out; their readers read the first input of those parts instead."""

    def change(group: Group) -> Group:
        out = {name: node.reads[0] for name, node in group.parts if isinstance(node, Part) and which(node, group)}
        kept = tuple((name, reading(node, out)) for name, node in group.parts if name not in out)
        output = _resolved(group.output, out)
        return replace(group, parts=kept) if kept and kept[-1][0] == output else group

    return change


def followed(which: Which, name: str, make: Callable[[Part], Part]) -> Change:
    """Put a part after another; it reads the other, and the other's readers read it.

    Args:
        which: the other.
        name: of the new part.
        make: makes the new part of the other.
    """

    def change(group: Group) -> Group:
        found = next((each for each, node in group.parts if isinstance(node, Part) and which(node, group)), None)
        if found is None:
            return group
        parts: list[tuple[str, Node]] = []
        for each, node in group.parts:
            parts.append((each, reading(node, {found: name})))
            if each == found:
                assert isinstance(node, Part)
                parts.append((name, replace(make(node), reads=(found,))))
        return replace(group, parts=tuple(parts))

    return change


def both(*changes: Change) -> Change:
    """Make changes one after the other."""

    def change(group: Group) -> Group:
        for each in changes:
            group = each(group)
        return group

    return change


def everywhere(network: Network, change: Change) -> Network:
    """Change every group of a network: those inside a group before it, the network itself at last."""
    changed = _inside(network, change)
    assert isinstance(changed, Network)
    return changed


def places(before: Group, after: Group) -> frozenset[str]:
    """Return the paths of the parts that a change swapped, added or left out; what they read does not count."""
    old, new = dict(_leaves(before, "")), dict(_leaves(after, ""))
    return frozenset(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))


def owner(path: str) -> str:
    """Return the path of a weight with those of parts that are used again led back to the parts that own them."""
    return path.replace(AGAIN, "")


def reading(node: Node, renamed: dict[str, str]) -> Node:
    """Return a node that reads other names."""
    reads = tuple(_resolved(read, renamed) for read in node.reads)
    return node if reads == node.reads else replace(node, reads=reads)


def _resolved(name: str, renamed: dict[str, str]) -> str:
    while name in renamed:
        name = renamed[name]
    return name


def _each(which: Which, other: Callable[[Part], Part]) -> Change:
    def change(group: Group) -> Group:
        parts: list[tuple[str, Node]] = []
        for name, node in group.parts:
            parts.append((name, other(node) if isinstance(node, Part) and which(node, group) else node))
        return replace(group, parts=tuple(parts))

    return change


def _inside(group: Group, change: Change) -> Group:
    return change(replace(group, parts=tuple((name, _changed(node, change)) for name, node in group.parts)))


def _changed(node: Node, change: Change) -> Node:
    if isinstance(node, Stack):
        return replace(node, runs=tuple(_changed_run(run, change) for run in node.runs))
    return _inside(node, change) if isinstance(node, Group) else node


def _changed_run(run: Run, change: Change) -> Run:
    period = tuple((Layer(_inside(layer.body, change), layer.sizes), amount) for layer, amount in run.period)
    return Run(period, run.times)


def _leaves(group: Group, path: str) -> list[tuple[str, Part]]:
    found: list[tuple[str, Part]] = []
    for name, node in group.parts:
        if isinstance(node, Part):
            found.append((path + name, replace(node, reads=())))
        elif isinstance(node, Group):
            found += _leaves(node, f"{path}{name}.")
    return found
