"""From logits to the next token: the most likely one, or one drawn from what temperature, top-k and top-p leave."""

from typing import NamedTuple

import torch
from torch import Tensor


class Sampling(NamedTuple):
    """How the next token is chosen.

    Attributes:
        temperature: logits are divided by it; 0 takes the most likely token.
        top_k: keep the so many highest logits, those equal to the last of them too (Fan et al. 2018, section 5).
        top_p: then keep the fewest of the most likely tokens whose probabilities add up to it (nucleus sampling,
            Holtzman et al. 2020, section 3.1).
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None

    @property
    def greedy(self) -> bool:
        """Whether nothing is left to chance."""
        return self.temperature == 0


def distribution(logits: Tensor, sampling: Sampling) -> Tensor:
    """(V,) logits -> (V,) probabilities in fp64, on the CPU: what is drawn from is the same on every device."""
    scores = logits.to("cpu", torch.float64)  # (V,)
    scores = (scores - scores.max()) / sampling.temperature  # (V,), the highest is 0 however small the divisor
    if sampling.top_k is not None:
        lowest = scores.topk(min(sampling.top_k, scores.numel())).values[-1]  # ()
        scores = scores.masked_fill(scores < lowest, float("-inf"))  # (V,)
    probabilities = scores.softmax(-1)  # (V,)
    if sampling.top_p is not None and sampling.top_p < 1:
        ordered, ids = probabilities.sort(descending=True, stable=True)  # (V,) each
        enough = ordered.cumsum(-1) - ordered >= sampling.top_p  # (V,), where those before add up to it already
        probabilities[ids[enough]] = 0
        probabilities /= probabilities.sum()
    return probabilities


def draw(probabilities: Tensor, generator: torch.Generator) -> int:
    """(V,) probabilities -> an id, by one uniform number and the cumulative distribution."""
    possible = probabilities.nonzero().squeeze(-1)  # (n,) ids
    steps = probabilities[possible].cumsum(-1)  # (n,)
    number = torch.rand((), dtype=torch.float64, generator=generator) * steps[-1]  # ()
    # Rounding may lift the number to the last step, which no step exceeds.
    return int(possible[torch.searchsorted(steps, number, right=True).clamp(max=len(possible) - 1)])
