"""Stored names to described weights: which layout a file follows, and which of its tensors is which weight."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from gptcli.architecture.network import INDEX
from gptcli.architecture.roles import TO_RESIDUAL, Role
from gptcli.checkpoints.layouts import LAYOUTS, WRAPPERS, Layout, Place, split_index
from gptcli.checkpoints.stored import StoredTensor


class Part(Struct, frozen=True):
    """A stored tensor that holds a weight or some of its rows."""

    tensor: StoredTensor
    place: Place
    block: int | None

    @property
    def path(self) -> str:
        """The weight's path in the network."""
        return self.place.path if self.block is None else self.place.path.replace(INDEX, str(self.block))


class Matched(Struct, frozen=True):
    """The tensors of a file in one layout.

    Attributes:
        layout: which.
        weights: path -> the tensors it is stored in, in the order of its rows.
        buffers: tensors that are skipped.
        unexpected: tensors that belong to nothing.
        wrapper: the prefix of a training wrapper that every name carries, or "".
        prefixed: whether the names carry the layout's own prefix.
    """

    layout: Layout
    weights: dict[str, dict[int, Part]]
    buffers: list[StoredTensor]
    unexpected: list[StoredTensor]
    wrapper: str
    prefixed: bool

    def parts(self) -> Iterable[Part]:
        """Yield every stored tensor that belongs to a weight."""
        for found in self.weights.values():
            yield from found.values()

    def outside(self, role: Role) -> dict[int, Part]:
        """Return the tensors of the weight that stands outside the blocks and has a role; none where it is missing."""
        for found in self.weights.values():
            part = next(iter(found.values()))
            if part.block is None and part.place.role == role and part.place.name == "weight":
                return found
        return {}


def match(tensors: Mapping[str, StoredTensor], *, said: str | None = None) -> Matched | None:
    """Find the layout that explains most names, and which tensor is which weight.

    Args:
        tensors: by stored name.
        said: the layout that the file's own settings name, which then settles what names leave open.

    Returns:
        None where no layout knows even one of the names.
    """
    wrapper = _wrapper(tensors)
    candidates = [_match_layout(layout, tensors, wrapper) for layout in LAYOUTS.values()]
    best = max(candidates, key=lambda matched: (_known(matched), *_preference(matched, said)))
    return best if _known(best) else None


def _wrapper(tensors: Mapping[str, StoredTensor]) -> str:
    """Return the wrappers' prefix that most names carry."""
    wrapper = ""
    while True:
        more = next(
            (w for w in WRAPPERS if 2 * sum(name.startswith(wrapper + w) for name in tensors) > len(tensors)), ""
        )
        if not more:
            return wrapper
        wrapper += more


def _known(matched: Matched) -> int:
    return sum(len(parts) for parts in matched.weights.values())


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


def _match_layout(layout: Layout, tensors: Mapping[str, StoredTensor], wrapper: str) -> Matched:
    places = layout.places()
    prefixed = bool(layout.prefix) and any(name.startswith(wrapper + layout.prefix) for name in tensors)
    matched = Matched(layout, {}, [], [], wrapper, prefixed)
    for name, tensor in tensors.items():
        bare = name.removeprefix(wrapper)
        pattern, block = split_index(bare.removeprefix(layout.prefix))
        place = places.get(pattern)
        if place is not None and (INDEX in place.path) == (block is not None):
            part = Part(tensor, place, block)
            rows = matched.weights.setdefault(part.path, {})
            if place.part not in rows:
                rows[place.part] = part
                continue
        if pattern in layout.buffers:
            matched.buffers.append(tensor)
        else:
            matched.unexpected.append(tensor)
    return matched
