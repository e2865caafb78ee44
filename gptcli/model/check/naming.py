"""Parameters of a decoder after GPT-2, in the names of the lecture's author or of any family of transformers'."""

from collections.abc import Iterator, Mapping

from gptcli.architecture import Network
from gptcli.checkpoints.layouts import Layout
from gptcli.checkpoints.matching import Matched, match
from gptcli.checkpoints.naming import FAMILIES, family_layout, likely_families
from gptcli.checkpoints.naming.fused import fused_or_apart
from gptcli.checkpoints.naming.lecture import lecture_layout
from gptcli.checkpoints.pieces import Stored
from gptcli.checkpoints.stored import StoredTensor


def match_later(tensors: Mapping[str, StoredTensor], network: Network) -> Matched | None:
    """Find the layout that explains most names of a decoder's parameters.

    Args:
        tensors: by their names.
        network: as it should be.

    Returns:
        None where no layout knows even one of the names.
    """
    found = [match(tensors, said=each.name, network=network, family=each) for each in _layouts(tensors, network)]
    return max((each for each in found if each is not None), key=_explained, default=None)


def _explained(matched: Matched) -> int:
    return sum(1 for _ in matched.parts())


def _layouts(tensors: Mapping[str, StoredTensor], network: Network) -> Iterator[Layout]:
    yield lecture_layout(network)
    said = [network.config.family] if network.config.family in FAMILIES else []
    seen: list[Mapping[str, tuple[Stored, ...]]] = []
    for name in [*said, *likely_families(tensors)]:
        layout = family_layout(name)
        if layout.stored not in seen:
            seen.append(layout.stored)
            yield fused_or_apart(layout)
