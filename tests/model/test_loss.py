"""The loss against torch's own on the lecture's network."""

from math import exp

import pytest
import torch
from msgspec.structs import asdict
from torch.nn import functional as F

from gptcli.architecture import describe
from gptcli.config import ModelConfig
from gptcli.model.forward import BuildOptions, build
from gptcli.model.loss import text_loss
from tests.naive import NaiveGPT

CONFIG = ModelConfig(vocab_size=211, context_length=200, emb_dim=24, n_heads=3, n_layers=2)


@pytest.mark.parametrize("length", [2, 64, 65, 66, 200])
def test_loss_is_cross_entropy_on_naive_logits(length: int) -> None:
    ids = torch.randint(211, (length,), generator=torch.Generator().manual_seed(length))
    torch.manual_seed(123)
    naive = NaiveGPT(asdict(CONFIG)).eval()
    with torch.no_grad():
        expected = F.cross_entropy(naive(ids[None])[0, :-1], ids[1:], reduction="none")
        probabilities = naive(ids[None])[0, :-1].softmax(-1)[torch.arange(length - 1), ids[1:]]
        found = text_loss(build(describe(CONFIG), BuildOptions())(ids[None])[0], ids.tolist(), ids[1:].tolist())
    assert [token.loss for token in found.tokens] == pytest.approx(expected.tolist(), abs=1e-5)
    assert [token.probability for token in found.tokens] == pytest.approx(probabilities.tolist(), rel=1e-4)
    assert [(t.position, t.id, t.target_id) for t in found.tokens] == [
        (i, int(ids[i]), int(ids[i + 1])) for i in range(length - 1)
    ]
    assert found.mean == pytest.approx(float(expected.mean()), abs=1e-5)
    assert found.perplexity == pytest.approx(exp(found.mean))


def test_a_perplexity_over_all_numbers_is_none() -> None:
    logits = torch.tensor([[0.0, 2000.0]])
    assert (text_loss(logits, [0], [0]).mean, text_loss(logits, [0], [0]).perplexity) == (2000.0, None)
    never = text_loss(torch.tensor([[0.0, float("-inf")]]), [0], [1])
    assert (never.mean, never.perplexity, never.tokens[0].probability) == (float("inf"), None, 0)
