"""Where two networks can be compared: what goes into a module and what comes out of it.

A step that is no module - a sum, the activations' weighted mean - is seen where the module that reads it takes it in.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from msgspec import Struct
from msgspec.structs import replace
from torch import Tensor, nn

from gptcli.architecture import Group, Network, Part, Shape, Stack
from gptcli.architecture.axes import B, T
from gptcli.architecture.listing import output_shape
from gptcli.architecture.parts.arithmetic import Scale
from gptcli.architecture.parts.dropout import Dropout
from gptcli.architecture.roles import HEAD, ROUTER, TOKEN_TABLE
from gptcli.checkpoints.matching import Matched
from gptcli.checkpoints.pieces import Order
from gptcli.model.check.user_network import first_tensor

LOGITS = "logits"
IN, OUT = "in", "out"
PortKey = tuple[str, str]  # path and side of a port


class Port(Struct, frozen=True):
    """An input or an output of a module.

    Attributes:
        path: of the module, as described; ``logits`` for what the whole network returns.
        side: ``in`` or ``out``.
        node: the described part or group that the module is.
        value: the described step whose output stands there in a right network.
        shape: of that output.
        last_alone: whether the last token alone may pass there, as at the output head.
        factor: what the step after it multiplies with, where their module may do so too: the token embedding's.
    """

    path: str
    side: str
    node: Part | Group
    value: str
    shape: Shape
    last_alone: bool = False
    factor: float = 1.0

    @property
    def key(self) -> PortKey:
        """What it is filed under."""
        return self.path, self.side


class Entry(NamedTuple):
    """What a group reads from outside: the step that gives it, and its shape."""

    value: str
    shape: Shape


def ports(network: Network) -> list[Port]:
    """List the ports of a described network in order of execution."""
    found = list(ports_inside(network, "", {}))
    return [*found, replace(found[-1], path=LOGITS)]


def ports_inside(group: Group, path: str, entries: Mapping[str, Entry]) -> Iterator[Port]:
    """Yield the ports of all that a group holds, in order of execution; of what reads ids or positions, the outputs.

    Args:
        group: which.
        path: of the group; empty for the network.
        entries: what is read from outside, by the names by which its parts read it.
    """
    values = dict(entries)
    at_end = False  # from the head on
    for name, node in group.parts:
        here = f"{path}.{name}" if path else name
        read = values.get(node.reads[0])
        if isinstance(node, Part):
            at_end = at_end or node.role == HEAD
            values[name] = Entry(here, node.shape)
            if read is not None:
                yield Port(here, IN, node, *read, at_end)
            yield Port(here, OUT, node, *values[name], at_end, _scale_after(group, name))
            continue
        assert read is not None
        if isinstance(node, Stack):
            for index, layer in enumerate(node.layers()):
                inside = f"{here}.{index}"
                output = Entry(f"{inside}.{layer.body.output}", output_shape(layer.body))
                yield from _ports_of_group(layer.body, inside, read, output)
                read = output
            values[name] = read
        else:
            values[name] = Entry(here, output_shape(node))
            yield from _ports_of_group(node, here, read, values[name])


def _scale_after(group: Group, name: str) -> float:
    """Return what the token embedding is multiplied with; 1 for all other parts."""
    scales = (node for _, node in group.parts if isinstance(node, Scale) and node.reads == (name,))
    found = dict(group.parts)[name]
    table = isinstance(found, Part) and found.role == TOKEN_TABLE
    return next((scale.factor for scale in scales), 1.0) if table else 1.0


def _ports_of_group(group: Group, path: str, read: Entry, output: Entry) -> Iterator[Port]:
    yield Port(path, IN, group, *read)
    yield from ports_inside(group, path, {"x": read})
    yield Port(path, OUT, group, *output)


def modules_of(model: nn.Module, matched: Matched, listed: list[Port]) -> dict[str, tuple[str, ...]]:
    """Find their modules: by described path, the names of the module or modules that do its work.

    A module with weights is found by their names; a group is the outermost module that holds all weights of it and no
    others.
    """
    groups = {port.path for port in listed if isinstance(port.node, Group)}
    found: dict[str, tuple[str, ...]] = {}
    held: dict[str, set[str]] = {}
    for path, parts in matched.weights.items():
        names = [part.tensor.name for _, part in sorted(parts.items())]
        if not any(part.place.each for part in parts.values()):  # an expert's layer does a part of the work
            found.setdefault(path.rpartition(".")[0], tuple(name.rpartition(".")[0] for name in names))
        for group in groups.intersection(_around(path)):
            held.setdefault(group, set()).update(names)
    known = set().union(*held.values()) if held else set()
    for name, module in model.named_modules(remove_duplicate=False):
        if not name or isinstance(module, nn.ModuleList | nn.ModuleDict):
            continue
        inside = {f"{name}.{each}" for each, _ in module.named_parameters(remove_duplicate=False)} & known
        for group, wanted in held.items():
            if inside == wanted and len(name) < len(found.get(group, (name + ".",))[0]):
                found[group] = (name,)
    return found


def orders_of(matched: Matched) -> dict[str, Order]:
    """Return by described path how the numbers lie that a module gives, where they do not lie as ours."""
    return {
        path.rpartition(".")[0]: part.place.order
        for path, parts in matched.weights.items()
        for part in parts.values()
        if part.place.order != "in order"
    }


def _around(path: str) -> Iterator[str]:
    """``h.0.attn.weight`` -> ``h``, ``h.0``, ``h.0.attn``."""
    pieces = path.split(".")
    return (".".join(pieces[:length]) for length in range(1, len(pieces)))


class Watch:
    """Keeps what passes the ports of their network while it runs; of a module that is called twice, the first call.

    Args:
        model: theirs.
        modules: described path -> the names of their modules.
        listed: the ports.
        orders: described path -> how the numbers lie that its module gives, where they do not lie as ours.
    """

    def __init__(
        self,
        model: nn.Module,
        modules: Mapping[str, tuple[str, ...]],
        listed: list[Port],
        orders: Mapping[str, Order],
    ) -> None:
        self._model = model
        self._modules = modules
        self._orders = orders
        self._dropouts = dict(_dropouts_of_weights(listed))
        self._seen: dict[tuple[str, str, int], Tensor] = {}

    def __enter__(self) -> "Watch":
        self._stack = ExitStack()
        for path, names in self._modules.items():
            for part, name in enumerate(names):
                self._hook(self._model.get_submodule(name), path, part)
            if path in self._dropouts:
                self._hook_weights_dropout(self._model.get_submodule(names[0]), self._dropouts[path])
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def values(self) -> dict[PortKey, Tensor]:
        """Return what was seen; the outputs of several modules that make one stand side by side."""
        found: dict[PortKey, Tensor] = {}
        for path, side, part in self._seen:
            amount = len(self._modules.get(path, (path,)))
            parts = [self._seen[path, side, each] for each in range(amount) if (path, side, each) in self._seen]
            if side == IN and part == 0:
                found[path, side] = parts[0]
            elif side == OUT and len(parts) == amount and len({each.shape[:-1] for each in parts}) == 1:
                given = self._in_our_order(path, torch.cat(parts, dim=-1))
                if given is not None:
                    found[path, side] = given
        return found

    def _in_our_order(self, path: str, given: Tensor) -> Tensor | None:
        """Return what a module gives as ours lies: one half of it, say; None where nothing here lays it so."""
        match self._orders.get(path, "in order"):
            case "in order":
                return given
            case "first half":
                return given.chunk(2, dim=-1)[0]
            case "second half":
                return given.chunk(2, dim=-1)[-1]
        return None

    def _hook(self, module: nn.Module, path: str, part: int) -> None:
        def before(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._keep((path, IN, part), first_tensor((*args, *kwargs.values())))

        def after(_module: nn.Module, _args: object, output: object) -> None:
            self._keep((path, OUT, part), first_tensor(output))

        self._stack.callback(module.register_forward_pre_hook(before, with_kwargs=True).remove)
        self._stack.callback(module.register_forward_hook(after).remove)

    def _hook_weights_dropout(self, attention: nn.Module, path: str) -> None:
        """Listen at the dropout that takes the attention weights, (B, H, T, T)."""
        for module in attention.modules():
            if isinstance(module, nn.Dropout):

                def after(_module: nn.Module, args: tuple[Any, ...], output: object) -> None:
                    given = first_tensor(args)
                    if given is not None and given.ndim == 4 and given.shape[-1] == given.shape[-2]:
                        self._keep((path, IN, 0), given)
                        self._keep((path, OUT, 0), first_tensor(output))

                self._stack.callback(module.register_forward_hook(after).remove)

    def _keep(self, key: tuple[str, str, int], value: Tensor | None) -> None:
        if value is not None and value.is_floating_point() and key not in self._seen:
            self._seen[key] = value.detach().clone()  # they may write into it later


def _dropouts_of_weights(listed: list[Port]) -> Iterator[tuple[str, str]]:
    """Yield the path of each attention, and that of the dropout in it which takes the weights, (B, H, T, T)."""
    for port in listed:
        if isinstance(port.node, Dropout) and port.shape[-2:] == (T, T):
            yield port.path.rpartition(".")[0], port.path


def put_beside(ours: Tensor, theirs: Tensor, port: Port) -> Tensor:
    """Return our value in the shape of theirs where they merely keep less or more of the same, or lay it otherwise.

    Positions may be looked up once or for every text; the head may be given the last token alone, as nanoGPT does.
    Heads may stand before the tokens or after them, and the tokens of all texts in one row; a token embedding may scale
    itself, and a router give scores.
    """
    if port.factor != 1 and ours.shape == theirs.shape:
        return min((ours, ours * port.factor), key=lambda each: _apart(each, theirs))
    if port.side == OUT and isinstance(port.node, Part) and port.node.role == ROUTER:
        flat = ours.flatten(0, 1) if theirs.ndim == ours.ndim - 1 else ours
        return min((flat, flat.softmax(-1), flat.sigmoid()), key=lambda each: _apart(each, theirs))
    if B not in port.shape and theirs.ndim == ours.ndim + 1 and theirs.shape[1:] == ours.shape:
        return ours.expand(theirs.shape)
    if port.last_alone and theirs.ndim == ours.ndim and theirs.shape[1] == 1:
        return ours[:, -1:]
    if theirs.ndim == ours.ndim - 1 and theirs.shape == ours.flatten(0, 1).shape:
        return ours.flatten(0, 1)
    if port.shape[:1] == (B,) and port.shape[2:3] == (T,) and ours.transpose(1, 2).shape == theirs.shape:
        return min((ours, ours.transpose(1, 2)), key=lambda each: _apart(each, theirs))
    return ours


def _apart(ours: Tensor, theirs: Tensor) -> float:
    return difference(ours, theirs) if ours.shape == theirs.shape else float("inf")


def difference(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest absolute difference; numbers that are NaN in both are equal, in one are infinitely apart."""
    apart = (ours - theirs).abs()
    apart[(ours == theirs) | (ours.isnan() & theirs.isnan())] = 0
    return float(apart.nan_to_num(nan=float("inf"), posinf=float("inf")).max())


def magnitude(value: Tensor) -> float:
    """Return the largest absolute number that is finite."""
    return float(value.nan_to_num(0, 0, 0).abs().max())
