"""A network with another tree, run around our weights: the whole of it, or the stretch in which a departure lies."""

from collections.abc import Callable, Iterable, Mapping, Set
from itertools import islice
from typing import Any

import torch
from msgspec import Struct
from msgspec.structs import replace
from torch import Tensor

from gptcli.architecture import Group, Network, Part, Shape, Sizes, Stack
from gptcli.architecture.listing import output_shape
from gptcli.architecture.network import Layer, Node, sizes_of_layer
from gptcli.model.check.mistakes.edits import owner
from gptcli.model.check.ports import IN, OUT, Entry, Port, PortKey, ports, ports_inside
from gptcli.model.gpt import GPT, Runner, existing
from gptcli.model.tap import Tap, observed

Values = Mapping[PortKey, Tensor]  # what stands at the ports


class Stretch(Struct, frozen=True):
    """A stretch of a network: a layer, a group in it, what stands before the layers, or what stands after them.

    Attributes:
        path: of a layer or group; empty outside the layers.
        of: takes it from a network, with the sizes that a layer has of its own.
        entries: the steps outside that its parts read, by the names by which they read them.
        gives: the step of ours whose value the stretch gives.
    """

    path: str
    of: Callable[[Network], Layer]
    entries: dict[str, Entry]
    gives: str


class Rerun:
    """Runs a network whose tree is edited on what ours took, with the weights of ours.

    Args:
        model: ours.
        listed: its ports.
        ours: the outputs of its steps.
        ids: (B, T).
    """

    def __init__(self, model: GPT, listed: list[Port], ours: Mapping[str, Tensor], ids: Tensor) -> None:
        self._network = model.network
        self._listed = listed
        self._ours = ours
        self._ids = ids
        tensors: dict[str, Any] = dict(model.named_parameters(remove_duplicate=False))
        known = existing(tensors | dict(model.named_buffers(remove_duplicate=False)))

        def source(path: str, shape: Shape, sizes: Sizes) -> torch.nn.Parameter:
            return known(owner(path), shape, sizes)

        self._source = source

    def stretch(self, path: str) -> Stretch:
        """Return the stretch in which the port of a path lies; what the network returns lies at its end."""
        names = [name for name, _ in self._network.parts]
        place = self._network.place_of_stack
        stack = names[place]
        first, _, rest = path.partition(".")
        if first == stack:
            index = int(rest.partition(".")[0])
            layer = f"{stack}.{index}"
            gives = self._at(layer, OUT).value
            entries = {"x": self._at(layer, IN), **self._beside()}
            return Stretch(layer, lambda network: _layer(network, index), entries, gives)
        if first in names[:place]:
            return Stretch("", _before_layers, {}, names[place - 1])
        last = self._at(f"{stack}.{self._network.stack.depth - 1}", OUT)
        return Stretch("", _after_layers, {stack: last}, names[-1])

    def group_in(self, stretch: Stretch, path: str) -> Stretch | None:
        """Return the group of a layer in which the port of a path lies, if it lies in one."""
        name = path.removeprefix(f"{stretch.path}.").partition(".")[0]
        if not any(each == name and isinstance(node, Group) for each, node in stretch.of(self._network).body.parts):
            return None
        group = f"{stretch.path}.{name}"
        entries = {"x": self._at(group, IN), **self._beside()}
        return Stretch(group, lambda network: _group(stretch.of(network), name), entries, group)

    def run(self, network: Network, stretch: Stretch) -> Values:
        """Run a stretch from our own input, starting at the first part that differs from ours.

        Returns:
            The values at the ports of the parts that ran, and at those that read their output; nothing where no part
            differs.
        """
        layer = stretch.of(network)
        tables = self._other_tables(network) if stretch.path else {}
        alike = self._alike(layer.body, stretch, tables.keys())
        parts = layer.body.parts[len(alike) :]
        if not parts:
            return {}
        given = {name: Entry(_joined(stretch.path, name), output_shape(node)) for name, node in alike}
        entries = stretch.entries | given
        outputs = {entry.value: self._ours[entry.value] for entry in entries.values()}
        values = {name: outputs[entry.value] for name, entry in entries.items()}
        values |= {"ids": self._ids, "positions": torch.arange(self._ids.shape[1]), **tables}
        tap = Tap()
        tap.listener = outputs.__setitem__
        runner = Runner(parts, stretch.path, sizes_of_layer(network.sizes, layer), self._source, tap).eval()
        with torch.no_grad():
            for call in runner.calls:
                values[call.name] = runner.run(call, values, None)
        output = outputs[_joined(stretch.path, layer.body.output)]
        seen = {port.key: output for port in self._listed if port.value == stretch.gives}
        ran = ports_inside(replace(layer.body, parts=parts), stretch.path, entries)
        return seen | {port.key: outputs[port.value] for port in ran}

    def whole(self, network: Network) -> Values:
        """Run a network on the ids and return what stands at its ports."""
        outputs: dict[str, Tensor] = {}
        model = GPT(network, source=self._source).eval()
        with torch.no_grad(), observed(model, outputs.__setitem__):
            model(self._ids)
        return {port.key: outputs[port.value] for port in ports(network)}

    def _beside(self) -> dict[str, Entry]:
        """Return what every layer reads beside the stream: the angles of rotation."""
        network = self._network
        return {
            name: Entry(name, node.shape)
            for name, node in network.parts
            if isinstance(node, Part) and name in network.stack.reads[1:]
        }

    def same_tables(self, network: Network) -> bool:
        """Return whether a network has the same angles of rotation as ours."""
        ours, edited = dict(self._network.parts), dict(network.parts)
        return all(edited[name] == ours[name] for name in self._beside())

    def _other_tables(self, network: Network) -> dict[str, Tensor]:
        """Return the angles of rotation that a network has otherwise than ours."""
        ours, edited = dict(self._network.parts), dict(network.parts)
        other = [(name, edited[name]) for name in self._beside() if edited[name] != ours[name]]
        if not other:
            return {}
        runner = Runner(other, "", network.sizes, self._source, Tap()).eval()
        positions = torch.arange(self._ids.shape[1])
        return {call.name: runner.run(call, {"positions": positions}, None) for call in runner.calls}

    def _alike(self, body: Group, stretch: Stretch, others: Set[str]) -> list[tuple[str, Part | Group]]:
        """Return the parts, from the first on, that are as in ours and give their readers what a tap sees.

        Args:
            body: of the stretch, edited.
            stretch: which.
            others: what stands outside the layers and is not as in ours.
        """
        found: list[tuple[str, Part | Group]] = []
        for (name, node), ours in zip(body.parts, stretch.of(self._network).body.parts, strict=False):
            if isinstance(node, Stack) or (isinstance(node, Part) and node.cached()) or (name, node) != ours:
                break
            if others & set(node.reads):
                break
            found.append((name, node))
        return found

    def _at(self, path: str, side: str) -> Entry:
        port = next(port for port in self._listed if port.key == (path, side))
        return Entry(port.value, port.shape)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _layer(network: Network, index: int) -> Layer:
    return next(islice(network.stack.layers(), index, None))


def _group(layer: Layer, name: str) -> Layer:
    group = layer.body[name]
    assert isinstance(group, Group)
    return Layer(group, layer.sizes)


def _before_layers(network: Network) -> Layer:
    return _outside_layers(network, network.parts[: network.place_of_stack])


def _after_layers(network: Network) -> Layer:
    return _outside_layers(network, network.parts[network.place_of_stack + 1 :])


def _outside_layers(network: Network, parts: Iterable[tuple[str, Node]]) -> Layer:
    return Layer(Group(kind=network.kind, label=network.label, parts=tuple(parts)))
