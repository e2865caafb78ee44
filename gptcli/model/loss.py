"""Cross-entropy of texts under a network, token by token."""

from collections.abc import Sequence
from math import exp, inf

import torch
from torch import Tensor
from torch.nn import functional as F

from gptcli.reports.forward import TextLoss, TokenLoss

_ROWS = 64  # logits of so many positions are turned to fp32 at a time, so that no second (T, V) is needed


def text_loss(logits: Tensor, ids: Sequence[int], targets: Sequence[int]) -> TextLoss:
    """Return what the logits (T, V) say about the targets, of which there is at least one.

    Args:
        logits: of one text; row ``i`` stands after ``ids[i]``. Rows after the last target do not count.
        ids: the text.
        targets: what came next, at most one a row.
    """
    wanted = torch.tensor(targets, device=logits.device)  # (n,)
    losses: list[float] = []
    for start in range(0, len(targets), _ROWS):
        part = slice(start, min(start + _ROWS, len(targets)))
        losses += F.cross_entropy(logits[part].float(), wanted[part], reduction="none").tolist()  # (rows,)
    mean = sum(losses) / len(losses)
    tokens = [
        TokenLoss(position, token_id, target, exp(-loss), loss)
        for position, (token_id, target, loss) in enumerate(zip(ids, targets, losses, strict=False))
    ]
    return TextLoss(mean, _exp(mean), tokens)


def mean_loss(texts: Sequence[TextLoss]) -> tuple[float, float | None, int]:
    """Return the mean of all tokens of some texts, its perplexity, and how many tokens there are."""
    losses = [token.loss for text in texts for token in text.tokens]
    mean = sum(losses) / len(losses)
    return mean, _exp(mean), len(losses)


def _exp(value: float) -> float | None:
    try:
        return exp(value) if value < inf else None
    except OverflowError:
        return None
