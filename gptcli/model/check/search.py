"""Which known mistake reproduces what was found: ours is run again with each, from the same input."""

import sys
from collections.abc import Callable, Mapping
from itertools import combinations

import torch
from msgspec.structs import replace
from torch import Tensor

from gptcli.model.check.mistakes import Mistake, mistakes_for
from gptcli.model.check.ports import IN, Key, Port, block_path, difference, magnitude, put_beside
from gptcli.model.check.recipe import Recipe, Rerun
from gptcli.model.gpt import GPT

Values = Mapping[Key, Tensor]
Together = tuple[Mistake, ...]  # mistakes made at the same time
_Section = Callable[[Rerun], Mapping[Key, Tensor]]
_EMBEDDED = "drop"  # the step whose output the first block takes
_AS_NEAR = 1000  # mistakes that differ by less than so many times what rounding does cannot be distinguished
# The decisions inside attention and inside feed forward, where several mistakes may hide behind one output.
_CROWDED = {
    ".attn": {"qkv", "heads", "scale", "mask", "softmax", "merge", "project"},
    ".mlp": {"expand", "activate", "back", "fed"},
}


class Search:
    """Looks for mistakes with which ours gives what theirs gives.

    Args:
        model: ours.
        listed: all ports in order of execution.
        ours: the outputs of our steps.
        theirs: what was seen of theirs.
        ids: (B, T).
        tolerance: relative to the largest number at a port.
    """

    def __init__(
        self,
        model: GPT,
        listed: list[Port],
        ours: Mapping[str, Tensor],
        theirs: Values,
        ids: Tensor,
        tolerance: float,
    ) -> None:
        self._model = model
        self._listed = listed
        self._ours = ours
        self._theirs = theirs
        self._ids = ids
        self._tolerance = tolerance

    def culprits(self, departing: Port) -> list[Together]:
        """Return the mistakes that explain the first port where the two differ.

        The part of the network in which the port lies is run from its own input: one block, the embeddings, or the
        end; the whole network where that finds nothing. A mistake must give at that port what theirs gives and leave
        the ports before as they are. Of several, those count that explain most of what follows. Where no single one
        does, two at a time are tried inside attention and feed forward.
        """
        single: list[Together] = [(mistake,) for mistake in mistakes_for(self._model.network.config)]
        own = self._section(departing.path)
        for section in (own, self._section(departing.value), self._whole):
            if found := self._best(single, section, departing):
                return found
        return self._best(_pairs(single, departing.path), own, departing)

    def _section(self, path: str) -> _Section:
        """Return the rerun of the part of the network in which a path lies."""
        pieces = path.split(".")
        if pieces[0] == "h":
            return lambda rerun: self._block(rerun, int(pieces[1]))
        if pieces[0] in ("wte", "wpe", "embed", "drop"):
            return lambda rerun: self._filled(rerun, rerun.embed(self._ids), _EMBEDDED)
        return self._finish

    def _block(self, rerun: Rerun, index: int) -> Mapping[Key, Tensor]:
        return self._filled(rerun, rerun.block(index, self._ours[_before(index)]), _before(index + 1))

    def _finish(self, rerun: Rerun) -> Mapping[Key, Tensor]:
        rerun.finish(self._ours[_before(self._model.network.config.n_layers)])
        return rerun.values

    def _whole(self, rerun: Rerun) -> Mapping[Key, Tensor]:
        rerun.whole(self._ids)
        return rerun.values

    def _filled(self, rerun: Rerun, output: Tensor, step: str) -> Mapping[Key, Tensor]:
        """Add what those would take in who read the part's output and were not run."""
        readers = {port.key: output for port in self._listed if port.side == IN and port.value == step}
        return {**readers, **rerun.values}

    def _best(self, alternatives: list[Together], section: _Section, departing: Port) -> list[Together]:
        scored = [(*self._score(together, section, departing), together) for together in alternatives]
        most = max((score for score, _, _ in scored), default=0)
        if not most:
            return []
        nearest = min(apart for score, apart, _ in scored if score == most)
        limit = _AS_NEAR * max(nearest, torch.finfo(self._theirs[departing.key].dtype).eps)
        return [together for score, apart, together in scored if score == most and apart <= limit]

    def _score(self, together: Together, section: _Section, departing: Port) -> tuple[int, float]:
        """Return how many ports agree from the departing one on, and how far that one is apart for its size.

        The number is 0 where that port or one before it does not agree.
        """
        try:
            values = section(Rerun(self._model, _recipe(together)))
        except (RuntimeError, IndexError):  # no such mistake can be made in this model: its shapes do not allow it
            return 0, 0.0
        score, nearness = 0, 0.0
        for port in self._listed:
            if port.key not in values or port.key not in self._theirs:
                continue
            apart = self._apart(values[port.key], port)
            if apart > self._tolerance:
                break
            if port == departing:
                nearness = apart
            score += bool(score) or port == departing
        return score, nearness

    def _apart(self, value: Tensor, port: Port) -> float:
        """Return how far theirs is from a value, relative to the largest number in it."""
        found = self._theirs[port.key]
        expected = put_beside(value, found, port.path)
        if expected.shape != found.shape:
            return float("inf")
        return difference(expected, found) / max(magnitude(expected), sys.float_info.min)


def _before(index: int) -> str:
    """Return the step whose output a block takes, or the end after the last one."""
    return _EMBEDDED if index == 0 else f"{block_path(index - 1)}.add_2"


def _recipe(together: Together) -> Recipe:
    return replace(Recipe(), **{key: value for mistake in together for key, value in mistake.changes.items()})


def _pairs(single: list[Together], path: str) -> list[Together]:
    """Return the pairs of mistakes that can be made at once in the part where a path lies."""
    crowd = next((keys for part, keys in _CROWDED.items() if part in path), set())
    inside = [mistake for (mistake,) in single if mistake.changes.keys() <= crowd]
    return [(one, other) for one, other in combinations(inside, 2) if not one.changes.keys() & other.changes.keys()]
