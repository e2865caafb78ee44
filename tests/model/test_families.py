"""Small networks of many families give the logits of transformers' own, with the same random weights."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM

from gptcli.architecture import AttentionPath, describe
from gptcli.config import ModelConfig
from gptcli.model.cache import KVCache
from gptcli.model.gpt import GPT
from tests.model.families import FAMILIES, Family

pytestmark = pytest.mark.parity

TOLERANCE = 1e-4  # of the largest logit
LENGTH = 24  # tokens: over every window and chunk


@cache
def _peer(family: Family) -> Any:
    """Return transformers' network, its weights drawn so large that every part counts."""
    torch.manual_seed(3)
    settings = AutoConfig.for_model(family.kind, **family.settings())
    peer = AutoModelForCausalLM.from_config(settings, experts_implementation="eager").float().eval()
    with torch.no_grad():
        for name, tensor in [*peer.named_parameters(), *peer.named_buffers()]:
            if isinstance(tensor, nn.Parameter) or name.endswith("correction_bias"):
                tensor.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.4)
    return peer


def _ours(family: Family, config: ModelConfig, attention: AttentionPath) -> GPT:
    model, state = GPT(describe(config, attention)).eval(), _peer(family).state_dict()
    with torch.no_grad():
        for path, tensor in [*model.named_parameters(), *model.named_buffers()]:
            tensor.copy_(family.weight(state, path))
    return model


@cache
def _expected(family: Family) -> tuple[Tensor, Tensor]:
    """Return ids (2, T) and the peer's logits."""
    ids = torch.randint(61, (2, LENGTH), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return ids, _peer(family)(ids).logits


def _departure(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.fixture(params=FAMILIES, ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Iterator[Family]:
    yield request.param


@pytest.mark.parametrize("attention", ["explicit", "sdpa"])
def test_logits_equal_the_peers(family: Family, attention: AttentionPath) -> None:
    ids, expected = _expected(family)
    with torch.no_grad():
        assert _departure(_ours(family, family.config(), attention)(ids), expected) < TOLERANCE / 10


@pytest.mark.parametrize("attention", ["explicit", "sdpa"])
@pytest.mark.parametrize("parts", [[1] * LENGTH, [17, *[1] * (LENGTH - 17)], [3, 12, 1, 8]], ids=str)
def test_tokens_behind_a_cache_equal_the_peers(family: Family, attention: AttentionPath, parts: list[int]) -> None:
    (ids, expected), model = _expected(family), _ours(family, family.config(), attention)
    cache, read = KVCache(model.network, len(ids), LENGTH, torch.float32, "cpu"), 0
    for part in parts:
        with torch.no_grad():
            logits = model(ids[:, read : read + part], cache)
        read += part
        assert _departure(logits[:, 0], expected[:, read - 1]) < TOLERANCE / 10
