"""Our network with the weights of transformers' GPT2LMHeadModel gives its logits."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from gptcli.architecture import AttentionPath, describe
from gptcli.config import ModelConfig
from gptcli.model.generate import generate
from gptcli.model.gpt import GPT
from gptcli.model.loss import text_loss
from gptcli.model.sampling import Sampling, distribution

pytestmark = pytest.mark.parity

SHAPES: list[Any] = [
    {"vocab_size": 97, "context_length": 16, "emb_dim": 32, "n_heads": 4, "n_layers": 2},
    {"vocab_size": 1000, "context_length": 50, "emb_dim": 60, "n_heads": 3, "n_layers": 1},
    {"vocab_size": 64, "context_length": 33, "emb_dim": 48, "n_heads": 12, "n_layers": 5},
    pytest.param(
        {"vocab_size": 50257, "context_length": 1024, "emb_dim": 768, "n_heads": 12, "n_layers": 12},
        marks=pytest.mark.slow,
    ),
]


def _peer(config: ModelConfig) -> Any:
    torch.manual_seed(7)
    peer = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.context_length,
            n_embd=config.emb_dim,
            n_head=config.n_heads,
            n_layer=config.n_layers,
            layer_norm_epsilon=config.norm_eps,
            tie_word_embeddings=config.weight_tying,
            bos_token_id=0,
            eos_token_id=0,
        )
    ).eval()
    with torch.no_grad():  # its own init has zero biases and unit norms, which would hide a misplaced one
        for parameter in peer.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return peer


def _in_our_layout(state: dict[str, Tensor], config: ModelConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield the peer's tensors under our paths; its Conv1D weights are (in, out)."""
    for path, tensor in state.items():
        conv = path.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))
        name = path.removeprefix("transformer.")
        if not (name == "lm_head.weight" and config.weight_tying):
            yield name, tensor.t() if conv else tensor


@pytest.mark.parametrize("sizes", SHAPES)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
def test_logits_equal_the_peers(sizes: dict[str, Any], tied: bool, attention: AttentionPath) -> None:
    config = ModelConfig(**sizes, qkv_bias=True, weight_tying=tied)
    model, peer = _copied(config, attention)
    with torch.no_grad():
        ids = torch.randint(config.vocab_size, (2, min(config.context_length, 16)))
        torch.testing.assert_close(model(ids), peer(ids).logits, rtol=0, atol=1e-4)


def _copied(config: ModelConfig, attention: AttentionPath) -> tuple[GPT, Any]:
    """Return our network and the peer's with the same weights."""
    peer, model = _peer(config), GPT(describe(config, attention)).eval()
    copied, parameters = dict(_in_our_layout(peer.state_dict(), config)), dict(model.named_parameters())
    assert set(copied) == set(parameters)
    with torch.no_grad():
        for path, tensor in copied.items():
            parameters[path].copy_(tensor)
    return model, peer


@pytest.mark.parametrize("sizes", SHAPES)
@pytest.mark.parametrize("attention", ["sdpa", "explicit"])
def test_greedy_generation_equals_the_peers(sizes: dict[str, Any], attention: AttentionPath) -> None:
    config = ModelConfig(**sizes, qkv_bias=True, weight_tying=True)
    model, peer = _copied(config, attention)
    generator = torch.Generator().manual_seed(11)
    prompts = [torch.randint(config.vocab_size, (n,), generator=generator).tolist() for n in (5, 2, 5, 1)]
    new = min(12, config.context_length - 5)
    longest = max(map(len, prompts))
    padded = torch.tensor([[0] * (longest - len(ids)) + ids for ids in prompts])
    mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts])
    with torch.no_grad():
        expected = peer.generate(
            padded, attention_mask=mask, max_new_tokens=new, do_sample=False, eos_token_id=None, pad_token_id=0
        )[:, longest:]
    for cached in (True, False):
        found, _ = generate(model, prompts, max_new_tokens=new, cached=cached)
        assert [text.ids for text in found] == expected.tolist()


@pytest.mark.parametrize("sampling", [(0.7, None, None), (1.3, 5, None), (1.0, None, 0.6), (0.5, 20, 0.9)])
def test_what_is_drawn_from_is_what_the_peer_draws_from(sampling: tuple[float, int | None, float | None]) -> None:
    logits = torch.randn(3, 97, generator=torch.Generator().manual_seed(5), dtype=torch.float64) * 3
    temperature, top_k, top_p = sampling
    expected = TemperatureLogitsWarper(temperature)(None, logits)
    expected = TopKLogitsWarper(top_k)(None, expected) if top_k is not None else expected
    expected = TopPLogitsWarper(top_p)(None, expected) if top_p is not None else expected
    for row, scores in zip(logits, expected, strict=True):
        torch.testing.assert_close(distribution(row, Sampling(*sampling)), scores.softmax(-1))


@pytest.mark.parametrize("length", [2, 16])
def test_the_loss_equals_the_peers(length: int) -> None:
    config = ModelConfig(**SHAPES[0], qkv_bias=True, weight_tying=True)
    model, peer = _copied(config, "sdpa")
    ids = torch.randint(config.vocab_size, (1, length), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = float(peer(ids, labels=ids).loss)
        found = text_loss(model(ids)[0], ids[0].tolist(), ids[0, 1:].tolist())
    assert found.mean == pytest.approx(expected, abs=1e-5)
