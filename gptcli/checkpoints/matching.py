"""Stored names to described weights: which layout a file follows, and which of its tensors is which weight."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from gptcli.architecture import Network
from gptcli.architecture.axes import Sizes
from gptcli.architecture.network import INDEX, sizes_of_layer
from gptcli.architecture.roles import HEAD, TO_RESIDUAL, TOKEN_TABLE, Role
from gptcli.checkpoints.layouts import LAYOUTS, Layout, split_expert, split_index
from gptcli.checkpoints.pieces import Place
from gptcli.checkpoints.stored import StoredTensor
from gptcli.checkpoints.wrapping import Known, Wrapping, unwrapped


class Part(Struct, frozen=True):
    """A stored tensor that holds a weight or some of its rows.

    Attributes:
        tensor: it.
        place: what it holds.
        block: the number of its block, or None outside the blocks.
        expert: the number of its expert or head, where each has tensors of its own.
    """

    tensor: StoredTensor
    place: Place
    block: int | None
    expert: int | None = None

    @property
    def path(self) -> str:
        """The weight's path in the network."""
        return self.place.path if self.block is None else self.place.path.replace(INDEX, str(self.block))

    @property
    def number(self) -> int:
        """Where it stands among the tensors of its weight."""
        return (self.expert or 0) * self.place.parts + self.place.part


class Matched(Struct, frozen=True):
    """The tensors of a file in one layout.

    Attributes:
        layout: which.
        weights: path -> the tensors it is stored in, in the order of its rows.
        buffers: tensors that are skipped.
        unexpected: tensors that belong to nothing.
        wrapping: what a training program put around the names.
        prefixed: whether the names carry the layout's own prefix.
        left_out: tensors that belong to what is not run, by what that is.
    """

    layout: Layout
    weights: dict[str, dict[int, Part]]
    buffers: list[StoredTensor]
    unexpected: list[StoredTensor]
    wrapping: Wrapping
    prefixed: bool
    left_out: dict[str, list[StoredTensor]] = {}

    def parts(self) -> Iterable[Part]:
        """Yield every stored tensor that belongs to a weight, once."""
        seen: set[str] = set()
        for found in self.weights.values():
            for part in found.values():
                if part.tensor.name not in seen:
                    seen.add(part.tensor.name)
                    yield part

    def outside(self, role: Role) -> dict[int, Part]:
        """Return the tensors of the weight that stands outside the blocks and has a role; none where it is missing."""
        for found in self.weights.values():
            part = next(iter(found.values()))
            if part.block is None and part.place.role == role and part.place.name == "weight":
                return found
        return {}

    def parameters(self) -> list[StoredTensor]:
        """Return the stored tensors that are parameters of the network."""
        return [part.tensor for part in self.parts() if not part.place.buffer]


def with_table(matched: Matched, network: Network | None) -> Matched:
    """Return the tensors with a tied weight that is stored as the head alone in the place of the token embedding.

    safetensors keeps one name of a weight that has two, and not always the embedding's.
    """
    head = matched.outside(HEAD)
    if matched.outside(TOKEN_TABLE) or list(head) != [0]:
        return matched
    places = (place for each in matched.layout.places(network).values() for place in each)
    table = next(place for place in places if place.role == TOKEN_TABLE and place.name == "weight")
    weights = {path: parts for path, parts in matched.weights.items() if path != head[0].path}
    return replace(matched, weights={**weights, table.path: {0: replace(head[0], place=table)}})


def sizes_in(network: Network, block: int | None) -> Sizes:
    """Return the value of each axis in a block of a network, or outside the blocks."""
    if block is None or not any(layer.sizes for run in network.stack.runs for layer in run.once()):
        return network.sizes
    layers = dict(enumerate(network.stack.layers()))
    return sizes_of_layer(network.sizes, layers[block]) if block in layers else network.sizes


def match(
    tensors: Mapping[str, StoredTensor],
    *,
    said: str | None = None,
    network: Network | None = None,
    family: Layout | None = None,
    ahead: int = 0,
) -> Matched | None:
    """Find the layout that explains most names, and which tensor is which weight.

    Args:
        tensors: by stored name.
        said: the layout that the file's own settings name, which then settles what names leave open.
        network: that they say, if it is known.
        family: the layout of its family.
        ahead: layers after the last one that the settings name, which only predict further tokens.

    Returns:
        None where no layout knows even one of the names.
    """
    candidates = []
    if family is not None and network is not None:
        candidates.append(_match_layout(family, tensors, network, ahead))
        if candidates[0].weights and not candidates[0].unexpected:  # a big model has 45,000 names: none is tried again
            return candidates[0]
    candidates += [_match_layout(layout, tensors, network, ahead) for layout in LAYOUTS.values()]
    best = max(candidates, key=lambda matched: (_known(matched), *_preference(matched, said)))
    return best if _known(best) else None


def _known(matched: Matched) -> int:
    return sum(1 for _ in matched.parts())


def _preference(matched: Matched, said: str | None) -> tuple[bool, int, bool]:
    """Rank layouts that share their names: by what the settings say, by how matrices lie, by the prefix."""
    layout = matched.layout
    return layout.name == said, _lying_right(matched), matched.prefixed == bool(layout.prefix)


def _lying_right(matched: Matched) -> int:
    """Count the block's oblong matrices that lie as in the layout, less those that lie the other way.

    Query, key and value stacked and the two feed-forward layers are wider on the side that the description says.
    """
    right = 0
    for part in matched.parts():
        shape = part.tensor.shape
        if part.block is None or len(shape) != 2 or shape[0] == shape[1]:
            continue
        widens = part.place.role != TO_RESIDUAL  # to 3C or to 4C, and back from 4C
        is_widened = (shape[1] > shape[0]) if part.place.transposed else (shape[0] > shape[1])
        right += 1 if widens == is_widened else -1
    return right


def _match_layout(layout: Layout, tensors: Mapping[str, StoredTensor], network: Network | None, ahead: int) -> Matched:
    places = layout.places(network)
    wrapping = unwrapped((name for name in tensors if not _stands_beside(layout, name)), _names_in(layout, places))
    prefixed = bool(layout.prefix) and any(name.startswith(layout.prefix) for name in wrapping.names.values())
    matched = Matched(layout, {}, [], [], wrapping, prefixed, {})
    depth = network.stack.depth if network is not None else 0
    for name, tensor in tensors.items():
        full = wrapping.names.get(name, name)
        bare = layout.bare(full)
        pattern, block = split_index(bare)
        found = list(_parts(tensor, places, bare))
        if ahead and block is not None and depth <= block < depth + ahead:
            matched.left_out.setdefault(_AHEAD, []).append(tensor)
        elif found and sum(_taken(part, matched.weights) for part in found) == len(found):
            continue
        elif pattern in layout.buffers or pattern.endswith(layout.buffers_end):
            matched.buffers.append(tensor)
        elif _stands_beside(layout, full):
            matched.left_out.setdefault(_BESIDE, []).append(tensor)
        else:
            matched.unexpected.append(tensor)
    return matched


def _stands_beside(layout: Layout, name: str) -> bool:
    return bool(layout.beside) and name.startswith(layout.beside)


def _names_in(layout: Layout, places: Mapping[str, tuple[Place, ...]]) -> Known:
    """Return what says of a name whether the layout has it, with its prefix or without."""

    def known(name: str) -> bool:
        pattern, _ = split_index(layout.bare(name))
        return pattern in places or pattern in layout.buffers or split_expert(pattern)[0] in places

    return known


_AHEAD = "layers that predict tokens further ahead"
_BESIDE = "networks beside the decoder"


def _parts(tensor: StoredTensor, places: Mapping[str, tuple[Place, ...]], bare: str) -> Iterator[Part]:
    """Yield what a tensor holds, by its name without prefixes."""
    pattern, block = split_index(bare)
    expert = None
    if pattern not in places:
        pattern, expert = split_expert(pattern)
    for place in places.get(pattern, ()):
        if (INDEX in place.path) == (block is not None) and place.each == (expert is not None):
            yield Part(tensor, place, block, expert)


def _taken(part: Part, weights: dict[str, dict[int, Part]]) -> bool:
    """Put a tensor to its weight, unless that has it already, or is stored in another way."""
    rows = weights.setdefault(part.path, {})
    first = next(iter(rows.values()), part)
    if part.number in rows or first.place.spelling != part.place.spelling:
        return False
    rows[part.number] = part
    return True
