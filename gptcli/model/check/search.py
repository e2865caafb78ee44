"""Which known mistake reproduces what was found: ours is run again with each, from the same input."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import combinations

import torch
from torch import Tensor

from gptcli.architecture import Network
from gptcli.model.check.mistakes import Mistake, made, mistakes_for
from gptcli.model.check.mistakes.edits import places
from gptcli.model.check.ports import Port, difference, magnitude, put_beside
from gptcli.model.check.rerun import Rerun, Stretch, Values
from gptcli.model.gpt import GPT

Together = tuple[Mistake, ...]  # mistakes made at the same time
_Attempt = tuple[Together, Network]  # and the network with them
_Run = Callable[[Network], Values]
_AS_NEAR = 1000  # mistakes that differ by less than so many times what rounding does cannot be distinguished


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
        self._network = model.network
        self._listed = listed
        self._theirs = theirs
        self._tolerance = tolerance
        self._ours = ours
        self._rerun = Rerun(model, listed, ours, ids)

    def culprits(self, departing: Port) -> list[Together]:
        """Return the mistakes that explain the first port where the two differ.

        The part of the network in which the port lies is run from its own input: one block, the embeddings, or the
        end; the whole network where that finds nothing. A mistake must give at that port what theirs gives and leave
        the ports before as they are. Of several, those count that explain most of what follows. Where no single one
        does, two at a time are tried inside attention and feed forward.
        """
        single: list[_Attempt] = [((mistake,), made(self._network, mistake)) for mistake in mistakes_for(self._network)]
        own, before = (self._rerun.stretch(path) for path in (departing.path, departing.value))
        runs = [self._run_of(own), *([self._run_of(before)] if before.gives != own.gives else []), self._rerun.whole]
        for run in runs:
            if found := self._best(single, run, departing):
                return self._outside_too(found, departing) or found
        group = self._rerun.group_in(own, departing.path)
        return self._best(self._pairs(single, own, group), self._run_of(group), departing) if group else []

    def _outside_too(self, found: list[Together], departing: Port) -> list[Together]:
        """Run the whole network with each of several mistakes of which one lies outside the layers, in their angles."""
        attempts = [(together, made(self._network, *together)) for together in found]
        if len(found) == 1 or all(self._rerun.same_tables(edited) for _, edited in attempts):
            return found
        return self._best(attempts, self._rerun.whole, departing)

    def _run_of(self, stretch: Stretch) -> _Run:
        return partial(self._rerun.run, stretch=stretch)

    def _pairs(self, single: list[_Attempt], around: Stretch, group: Stretch) -> Iterator[_Attempt]:
        """Yield the pairs of mistakes that can be made at once in a group and leave what is around it as it is."""
        ours = around.of(self._network).body
        prefix = f"{group.path.removeprefix(f'{around.path}.')}."
        changed = [(together, edited, places(ours, around.of(edited).body)) for together, edited in single]
        inside = [each for each in changed if each[2] and all(place.startswith(prefix) for place in each[2])]
        inside = [each for each in inside if self._matters(each[1], group)]
        for (one, edited, here), (other, _, there) in combinations(inside, 2):
            if not here & there:
                yield (*one, *other), made(edited, *other)

    def _matters(self, edited: Network, group: Stretch) -> bool:
        """Return whether a mistake changes anything here: no window is seen in a text that is shorter."""
        try:
            values = self._rerun.run(edited, group)
        except (RuntimeError, IndexError):
            return False
        right = {port.key: self._ours[port.value] for port in self._listed if port.key in values}
        return any(
            value.shape != right[key].shape or difference(value, right[key]) > self._tolerance * magnitude(right[key])
            for key, value in values.items()
            if key in right
        )

    def _best(self, attempts: Iterable[_Attempt], run: _Run, departing: Port) -> list[Together]:
        scored = [(*self._score(edited, run, departing), together) for together, edited in attempts]
        most = max((score for score, _, _ in scored), default=0)
        if not most:
            return []
        nearest = min(apart for score, apart, _ in scored if score == most)
        limit = _AS_NEAR * max(nearest, torch.finfo(self._theirs[departing.key].dtype).eps)
        return [together for score, apart, together in scored if score == most and apart <= limit]

    def _score(self, edited: Network, run: _Run, departing: Port) -> tuple[int, float]:
        """Return how many ports agree from the departing one on, and how far that one is apart for its size.

        The number is 0 where that port or one before it does not agree, or nothing there is run.
        """
        try:
            values = run(edited)
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
        expected = put_beside(value, found, port)
        if expected.shape != found.shape:
            return float("inf")
        return difference(expected, found) / max(magnitude(expected), sys.float_info.min)
