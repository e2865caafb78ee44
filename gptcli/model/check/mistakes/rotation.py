"""Mistakes in rotary positions: which numbers are a pair, which angle turns them, and what is turned at all."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from msgspec.structs import replace
from torch import Tensor

from gptcli.architecture import Group, Network, Part
from gptcli.architecture.axes import G, H
from gptcli.architecture.network import Node
from gptcli.architecture.parts.attention import WeightedSum
from gptcli.architecture.parts.heads import Heads
from gptcli.architecture.parts.rotary import Rotary, RotaryTable, Scaling
from gptcli.architecture.roles import KEY_NORM, QUERY_NORM
from gptcli.model.check.mistakes.edits import Change, Which, a, instead, reading, swapped, without
from gptcli.model.check.mistakes.instead import Compute
from gptcli.model.check.mistakes.mistake import Mistake

_OTHER_BASES = (1e4, 5e5, 1e6, 1e7, 1e5)
Pair = tuple[Tensor, Tensor]


def _of(amount: Any, *, interleaved: bool | None = None) -> Which:
    """Select the rotation of so many heads, H of queries and G of keys; of pairs that lie so."""

    def which(part: Part, _: Group) -> bool:
        if not isinstance(part, Rotary) or interleaved not in (None, part.interleaved):
            return False
        return amount is None or part.shape[1] == amount

    return which


def _halves(x: Tensor) -> Pair:
    """(..., R) -> (..., R / 2) twice: the first half and the second."""
    first, second = x.chunk(2, dim=-1)
    return first, second


def _neighbours(x: Tensor) -> Pair:
    """(..., R) -> (..., R / 2) twice: the even numbers and the odd ones."""
    return x[..., ::2], x[..., 1::2]


def _joined(first: Tensor, second: Tensor, *, interleaved: bool) -> Tensor:
    """Lay pairs again as they were taken apart."""
    if interleaved:
        return torch.stack((first, second), dim=-1).flatten(-2)
    return torch.cat((first, second), dim=-1)


def _rotated(*, interleaved: bool, angles_interleaved: bool | None = None, sign: int = 1) -> Compute:
    """Rotate neighbours, or numbers of the two halves.

    Args:
        interleaved: whether neighbours are a pair.
        angles_interleaved: where it is another, how the angles lie: each twice in a row, or all twice.
        sign: -1 turns the other way.
    """

    def compute(leaf: Any, x: Tensor, table: Tensor) -> Tensor:
        right: Rotary = leaf.part
        cos, sin = (_neighbours if right.interleaved else _halves)(table.to(x.dtype))[0]  # (T, R / 2) each
        turning = x[..., : leaf.width]
        lie = interleaved if angles_interleaved is None else angles_interleaved
        cos, sin = (_joined(each, each, interleaved=lie) for each in (cos, sin))  # (T, R)
        first, second = (_neighbours if interleaved else _halves)(turning)
        across = _joined(-second, first, interleaved=interleaved)
        return torch.cat((turning * cos + sign * across * sin, x[..., leaf.width :]), dim=-1)

    return compute


def _by_head(leaf: Any, x: Tensor, table: Tensor) -> Tensor:
    """Take the angle of the head's number, as a rotation of (B, T, H, D) does that expects (B, H, T, D)."""
    heads = x.shape[1]
    turned: Tensor = leaf(x.transpose(1, 2), table[:, :heads]).transpose(1, 2)
    return turned


def _values_too(group: Group) -> Group:
    """Rotate the values as the keys are."""
    mix = next((node for _, node in group.parts if isinstance(node, WeightedSum)), None)
    turn = next((node for _, node in group.parts if _of(G)(node, group)), None)  # type: ignore[arg-type]
    if mix is None or turn is None or not isinstance(group[mix.reads[-1]], Heads):
        return group
    values, parts = mix.reads[-1], []
    for name, node in group.parts:
        parts.append((name, reading(node, {values: f"{values}_rot"})))
        if name == values:
            part = replace(turn, reads=(values, turn.reads[1]), kept=False)
            parts.append((f"{values}_rot", part))
    return replace(group, parts=tuple(parts))


def _before(first: tuple[Any, ...] | type[Part], second: tuple[Any, ...] | type[Part]) -> Change:
    """Let a part that reads another stand before it: the norm of queries and keys, and their rotation."""

    def is_kind(node: Node, kind: tuple[Any, ...] | type[Part]) -> bool:
        return isinstance(node, kind) if isinstance(kind, type) else isinstance(node, Part) and node.role in kind

    def change(group: Group) -> Group:
        parts = list(group.parts)
        for place, (name, node) in enumerate(parts):
            if not is_kind(node, second):
                continue
            source = next(at for at, (each, _) in enumerate(parts) if each == node.reads[0]) if node.reads else 0
            other_name, other = parts[source]
            if not is_kind(other, first) or other_name not in node.reads:
                continue
            early = replace(node, reads=(other.reads[0], *node.reads[1:]), kept=False)
            late = replace(other, reads=(name, *other.reads[1:]))
            parts[source], parts[place] = (name, early), (other_name, late)
            rest = [(each, reading(later, {name: other_name})) for each, later in parts[place + 1 :]]
            parts[place + 1 :] = rest
        return replace(group, parts=tuple(parts))

    return change


def _tables(edit: Callable[[RotaryTable], RotaryTable]) -> Change:
    """Change the tables of angles."""
    return _each_table(lambda tables: [edit(table) for table in tables])


def _each_table(edit: Callable[[list[RotaryTable]], list[RotaryTable]]) -> Change:
    """Make new tables of a network's: of its one, or of that of full layers and that of local ones."""

    def change(group: Group) -> Group:
        if not isinstance(group, Network):
            return group
        tables = {name: node for name, node in group.parts if isinstance(node, RotaryTable)}
        new: dict[str, Node] = dict(zip(tables, edit(list(tables.values())), strict=True))
        return replace(group, parts=tuple((name, new.get(name, node)) for name, node in group.parts))

    return change


def _based(base: float, which: int, tables: list[RotaryTable]) -> list[RotaryTable]:
    """Give one table another base, unless it is that of the other, which is a mistake of its own."""
    if base in [table.base for table in tables]:
        return tables
    return [replace(table, base=base) if place == which else table for place, table in enumerate(tables)]


def _one_for_all(which: int, tables: list[RotaryTable]) -> list[RotaryTable]:
    return [tables[which % len(tables)] for _ in tables]


_NORMS = (QUERY_NORM, KEY_NORM)
_HALVES, _NEIGHBOURS = _of(None, interleaved=False), _of(None, interleaved=True)

MISTAKES = (
    Mistake(
        "rotation-interleaved",
        "rotation of neighbours, as in Llama's own code, where the config rotates the two halves of a head, as "
        "transformers and its weights do: x1 = x[..., : D // 2], x2 = x[..., D // 2 :]",
        instead(_HALVES, _rotated(interleaved=True)),
    ),
    Mistake(
        "rotation-of-halves",
        "rotation of the two halves of a head, where the config rotates neighbours: x[..., ::2] and x[..., 1::2]",
        instead(_NEIGHBOURS, _rotated(interleaved=False)),
    ),
    *(
        Mistake(
            "rotation-mixed",
            "rotation mixes two ways: pairs of neighbours with angles laid out for halves; take halves for both: "
            "torch.cat((angles, angles), -1), and x[..., : D // 2] with x[..., D // 2 :]",
            instead(which, _rotated(interleaved=True, angles_interleaved=False)),
        )
        for which in (_HALVES, _NEIGHBOURS)
    ),
    *(
        Mistake(
            "rotation-mixed",
            "rotation mixes two ways: pairs of halves with angles laid out for neighbours; take one way for both",
            instead(which, _rotated(interleaved=False, angles_interleaved=True)),
        )
        for which in (_HALVES, _NEIGHBOURS)
    ),
    *(
        Mistake(
            "rotation-reversed",
            "rotation turns the other way: it is (x1 cos - x2 sin, x2 cos + x1 sin)",
            swapped(_of(None), reversed=turned),
        )
        for turned in (True, False)
    ),
    Mistake("no-rotation", "queries and keys are not rotated: there are no positions", without(_of(None))),
    Mistake("keys-not-rotated", "the keys are not rotated; queries and keys both are", without(_of(G))),
    Mistake("queries-not-rotated", "the queries are not rotated; queries and keys both are", without(_of(H))),
    Mistake("values-rotated", "the values are rotated too; queries and keys alone are", _values_too),
    Mistake(
        "rotation-by-head",
        "rotation takes the head's number for the position: transpose to (B, H, T, D) first",
        instead(_of(None), _by_head),
    ),
    *(
        Mistake(
            "rotation-base",
            f"the base of the rotation is {base:g}{' in local layers' if which else ''}, not what the config says",
            _each_table(partial(_based, base, which)),
        )
        for base in _OTHER_BASES
        for which in (0, 1)
    ),
    *(
        Mistake(
            "rotation-base",
            f"all layers rotate by the angles of {kind} layers; local ones have a base of their own",
            _each_table(partial(_one_for_all, which)),
        )
        for which, kind in enumerate(("full", "local"))
    ),
    Mistake(
        "rotation-base",
        "local layers rotate by the angles of full ones, and the other way round: swap the two",
        _each_table(lambda tables: tables[::-1]),
    ),
    Mistake(
        "no-rotation-scaling",
        "the frequencies of the rotation are not stretched, though the config says rope_scaling (rope_freq)",
        _tables(lambda table: replace(table, scaling=Scaling())),
    ),
    Mistake(
        "qk-norm-after-rotation",
        "queries and keys are normed after their rotation; norm them before",
        _before(_NORMS, Rotary),
    ),
    Mistake(
        "qk-norm-before-rotation",
        "queries and keys are normed before their rotation; norm them after",
        _before(Rotary, _NORMS),
    ),
    Mistake(
        "no-qk-norm", "the norms of queries and keys are not applied", without(lambda part, _: part.role in _NORMS)
    ),
    Mistake("no-query-norm", "the norm of the queries is not applied", without(a(role=QUERY_NORM))),
    Mistake("no-key-norm", "the norm of the keys is not applied", without(a(role=KEY_NORM))),
)
