"""Cross-entropy of texts under a network, token by token."""

from collections.abc import Sequence
from math import exp, inf

import torch
from torch import Tensor
from torch.nn import functional as F

from gptcli.reports import TextLoss, TokenLoss

_ROWS = 64  # logits of so many positions are turned to fp32 at a time, so that no second (T, V) is needed


def text_loss(logits: Tensor, ids: Sequence[int], targets: Sequence[int]) -> TextLoss:
    """Return what the logits (T, V) say about the targets, of which there is at least one.

    Args:
        logits: of one text; row ``i`` stands behind ``ids[i]``. Rows behind the last target do not count.
        ids: the text.
        targets: what came next, at most one a row.
    """
    wanted = torch.tensor(targets, device=logits.device)  # (n,)
    told: list[float] = []
    for start in range(0, len(targets), _ROWS):
        part = slice(start, min(start + _ROWS, len(targets)))
        told += F.cross_entropy(logits[part].float(), wanted[part], reduction="none").tolist()  # (rows,)
    mean = sum(told) / len(told)
    tokens = [
        TokenLoss(position, token_id, target, exp(-loss), loss)
        for position, (token_id, target, loss) in enumerate(zip(ids, targets, told, strict=False))
    ]
    return TextLoss(mean, _exp(mean), tokens)


def mean_loss(texts: Sequence[TextLoss]) -> tuple[float, float | None, int]:
    """Return the mean of all tokens of some texts, its perplexity, and how many tokens there are."""
    told = [token.loss for text in texts for token in text.tokens]
    mean = sum(told) / len(told)
    return mean, _exp(mean), len(told)


def _exp(value: float) -> float | None:
    try:
        return exp(value) if value < inf else None
    except OverflowError:
        return None
