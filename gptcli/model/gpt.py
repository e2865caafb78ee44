"""The network in torch: its tree, run by what each part reads. No shape and no order is typed here.

Shapes in comments: B batch, T tokens, C embedding width, V vocabulary.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gptcli.architecture import Group, Network, Part, Shape, Sizes, shape_sizes
from gptcli.architecture.network import Node, sizes_of_layer
from gptcli.model.cache import KVCache, LayerCache
from gptcli.model.parts import leaf_class
from gptcli.model.parts.leaf import Leaf
from gptcli.model.tap import Tap

# Gives the parameter of a path and of a symbolic shape, whose axes have these sizes; a buffer's numbers likewise.
Source = Callable[[str, Shape, Sizes], nn.Parameter]
Parts = Iterable[tuple[str, Node]]


class _Call(NamedTuple):
    """A part or group of a group.

    Attributes:
        name: in its group; the module of that name is called.
        path: in the network.
        reads: what it takes, and of each whether nobody takes it after that.
        group: whether it is a group, which gets the cache too.
        consumes: whether it takes what it reads as one list.
        cached: whether it keeps something in the cache.
    """

    name: str
    path: str
    reads: tuple[tuple[str, bool], ...]
    group: bool
    consumes: bool
    cached: bool


class Runner(nn.Module):
    """The parts of a group, run one after the other; a value goes with its last reader.

    Args:
        parts: name and node of each.
        path: of the group.
        sizes: the value of every axis but B and T.
        source: gives the parameters.
        tap: is called with what every part and group gave.
        inputs: what the parts call the tensors that the group reads.
    """

    def __init__(
        self, parts: Parts, path: str, sizes: Sizes, source: Source, tap: Tap, inputs: tuple[str, ...] = ("x",)
    ) -> None:
        super().__init__()
        self.tap = tap
        self.inputs = inputs
        self.calls = list(self._built(list(parts), path, sizes, source))

    def _built(self, parts: list[tuple[str, Node]], path: str, sizes: Sizes, source: Source) -> Iterable[_Call]:
        readings = [(name, place) for name, node in parts for place in range(len(node.reads))]
        nodes = dict(parts)
        last = {nodes[name].reads[place]: (name, place) for name, place in readings}
        for name, node in parts:
            here = f"{path}.{name}" if path else name
            module = _module(node, here, sizes, source, self.tap)
            self.add_module(name, module)
            reads = tuple((read, last[read] == (name, place)) for place, read in enumerate(node.reads))
            consumes = isinstance(module, Leaf) and module.consumes
            cached = isinstance(node, Part) and bool(node.cached())
            yield _Call(name, here, reads, not isinstance(node, Part), consumes, cached)

    def forward(self, *given: Tensor, cache: LayerCache | None = None) -> Tensor:
        """Return what the last part gives, from what the group reads."""
        values: dict[str, Any] = dict(zip(self.inputs, given, strict=True))
        del given  # each goes with its last reader
        for call in self.calls:
            values[call.name] = self.run(call, values, cache)
        out: Tensor = values[call.name]
        return out

    def run(self, call: _Call, values: dict[str, Any], cache: LayerCache | None) -> Any:
        """Run one part on what it reads; nothing but what it gives is alive for it after that."""
        taken = [values.pop(name) if last else values[name] for name, last in call.reads]
        module: Any = self._modules[call.name]
        if call.group:
            out = module(*taken) if cache is None else module(*taken, cache=cache)
        elif call.consumes:
            out = module(taken)
        else:
            out = module(*taken)
        if self.tap.listener is not None:
            self.tap.listener(call.path, out)
        return module.for_readers(out, cache and cache[call.path]) if call.cached else out


def _module(node: Node, path: str, sizes: Sizes, source: Source, tap: Tap) -> nn.Module:
    if isinstance(node, Part):
        return leaf(node, path, sizes, source)
    if isinstance(node, Group):
        return Runner(node.parts, path, sizes, source, tap, ("x", *node.reads[1:]))
    inputs = ("x", *node.reads[1:])
    return nn.ModuleList(
        Runner(layer.body.parts, f"{path}.{index}", sizes_of_layer(sizes, layer), source, tap, inputs)
        for index, layer in enumerate(node.layers())
    )


def leaf(part: Part, path: str, sizes: Sizes, source: Source) -> Leaf:
    """Build the torch module of a part.

    Raises:
        NotImplementedError: there is none for this kind.
    """

    def parameters(name: str, shape: Shape) -> nn.Parameter:
        return source(part.shared(name) or f"{path}.{name}", shape, sizes)

    return leaf_class(type(part))(part, sizes, parameters)


class _Allocated:
    """Makes uninitialised parameters in one dtype, on one device; one of a path that is known is that one."""

    def __init__(self, dtype: torch.dtype, device: torch.device | str) -> None:
        self._dtype = dtype
        self._device = device
        self._known: dict[str, nn.Parameter] = {}

    def __call__(self, path: str, shape: Shape, sizes: Sizes) -> nn.Parameter:
        if path not in self._known:
            data = torch.empty(shape_sizes(shape, sizes), dtype=self._dtype, device=self._device)
            self._known[path] = nn.Parameter(data)
        return self._known[path]


def existing(tensors: Mapping[str, Any]) -> Source:
    """Return a source of parameters and buffers that are there already, by their paths."""
    return lambda path, _shape, _sizes: tensors[path]


class GPT(Runner):
    """Token ids to logits.

    The parameters are not initialised: `gptcli.model.initialize` draws them, or a checkpoint fills them.

    Args:
        network: the description, whose attention path is the one that runs.
        dtype: of parameters and activations.
        device: where the parameters are allocated; ``meta`` allocates nothing.
        recompute: keep only each layer's input in training and run the layer again in the backward pass
            (Chen et al. 2016).
        source: gives the parameters, in place of ``dtype`` and ``device``.
    """

    def __init__(
        self,
        network: Network,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        recompute: bool = False,
        source: Source | None = None,
    ) -> None:
        super().__init__(network.parts, "", network.sizes, source or _Allocated(dtype, device), Tap())
        self.network = network
        self.recompute = recompute
        for module in self.modules():
            if isinstance(module, Leaf):
                module.stream = self.dtype
        self._random = [_draws(layer.body) for layer in network.stack.layers()]
        names = [name for name, _ in network.parts]
        place = network.place_of_stack
        self._before, self._after = self.calls[:place], self.calls[place + 1 :]
        self._stack = names[place]

    @property
    def layers(self) -> list[Runner]:
        """The layers in order."""
        stack: Any = self._modules[self._stack]
        return list(stack)

    @property
    def dtype(self) -> torch.dtype:
        """That of the parameters."""
        return next(self.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return next(self.parameters()).device

    def forward(self, ids: Tensor, cache: KVCache | None = None) -> Tensor:  # type: ignore[override]
        """(B, T) token ids -> (B, T, V) logits.

        Args:
            ids: the tokens; with a cache, those that follow what it has read.
            cache: what earlier tokens left, to which these are added. The logits are then those of the last token
                alone, (B, 1, V): the head is the dearest layer, and only they say what comes next.
        """
        x, *others = self.embedded(ids, cache.length if cache is not None else 0)  # (B, T, C), and angles of rotation
        again = self.recompute and cache is None and torch.is_grad_enabled()
        for index, layer in enumerate(self.layers):
            if again:  # the input alone is kept, and the generator's state where dropout draws from it
                keeps_state = self.training and self._random[index]
                x = checkpoint(layer, x, *others, use_reentrant=False, preserve_rng_state=keeps_state)
            else:
                x = layer(x, *others, cache=cache.layers[index] if cache is not None else None)
        values = {self._stack: x if cache is None else x[:, -1:]}
        del x, others  # each goes with its last reader
        logits: Tensor = self._through(self._after, values)
        return logits

    def embedded(self, ids: Tensor, start: int = 0) -> list[Tensor]:
        """(B, T) tokens from position ``start`` on -> what the layers read: (B, T, C) first, then what all read."""
        positions = torch.arange(start, start + ids.shape[-1], device=ids.device)  # (T,)
        values: dict[str, Any] = {"ids": ids, "positions": positions}
        del positions
        for call in self._before:
            values[call.name] = self.run(call, values, None)
        return [values[name] for name in self.network.stack.reads]

    def finished(self, x: Tensor) -> Tensor:
        """(..., C), what the last layer gives -> (..., V) logits; no listener hears of it."""
        listener, self.tap.listener = self.tap.listener, None
        try:
            logits: Tensor = self._through(self._after, {self._stack: x})
            return logits
        finally:
            self.tap.listener = listener

    def _through(self, calls: list[_Call], values: dict[str, Any]) -> Any:
        for call in calls:
            values[call.name] = self.run(call, values, None)
        return values[calls[-1].name]


def _draws(group: Group) -> bool:
    """Return whether a part of a group draws random numbers while training."""
    return any(
        _draws(node) if isinstance(node, Group) else isinstance(node, Part) and node.random for _, node in group.parts
    )
